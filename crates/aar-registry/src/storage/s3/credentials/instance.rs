use http::{Request, StatusCode};
use jiff::Timestamp;
use object_store::client::HttpClient;

use super::{
    Document, Lease, NoCredential,
    ask::{ask, send},
};

const ENDPOINT: &str = "http://169.254.169.254";
const ROLES: &str = "latest/meta-data/iam/security-credentials";
const TOKEN: &str = "x-aws-ec2-metadata-token";
const TOKEN_LIFE: (&str, &str) = ("x-aws-ec2-metadata-token-ttl-seconds", "300");

/// The profile of the instance, by the second version of its metadata service. The first version
/// needs no token, so whatever can make the machine fetch an address could read keys by it: it is
/// not used.
pub(in crate::storage::s3) struct Instance {
    endpoint: String,
}

impl Instance {
    pub(super) fn find(lookup: &dyn Fn(&str) -> Option<String>) -> Result<Self, NoCredential> {
        let disabled = lookup("AWS_EC2_METADATA_DISABLED");
        if disabled.is_some_and(|value| value.eq_ignore_ascii_case("true")) {
            return Err(NoCredential {
                place: "the environment".to_owned(),
                reason: "there are no keys, and AWS_EC2_METADATA_DISABLED is true".to_owned(),
            });
        }
        let endpoint = lookup("AWS_EC2_METADATA_SERVICE_ENDPOINT");
        let endpoint = endpoint.unwrap_or_else(|| ENDPOINT.to_owned());
        let endpoint = endpoint.trim_end_matches('/').to_owned();
        Ok(Self { endpoint })
    }

    pub(super) async fn fetch(
        &self,
        client: &HttpClient,
        now: Timestamp,
    ) -> Result<Lease, NoCredential> {
        let endpoint = &self.endpoint;
        let place = format!("the instance metadata at {endpoint}");
        let (name, life) = TOKEN_LIFE;
        let request = Request::put(format!("{endpoint}/latest/api/token")).header(name, life);
        let token = ask(client, request, String::new(), &place).await?;
        let request =
            |path: &str| Request::get(format!("{endpoint}/{path}")).header(TOKEN, token.trim());
        let (status, roles) =
            send(client, request(&format!("{ROLES}/")), String::new(), &place).await?;
        let role = roles.lines().map(str::trim).find(|role| !role.is_empty());
        let role = match (status, role) {
            (StatusCode::OK, Some(role)) => role,
            (StatusCode::OK, None) | (StatusCode::NOT_FOUND, _) => {
                let reason = "the instance has no role".to_owned();
                return Err(NoCredential { place, reason });
            }
            (status, _) => {
                let reason = format!("it answers {status}");
                return Err(NoCredential { place, reason });
            }
        };
        let role = request(&format!("{ROLES}/{role}"));
        let document = ask(client, role, String::new(), &place).await?;
        Document::read(&document, &place, now)
    }
}
