use aar_http::{HttpClient, Method, StatusCode};
use jiff::Timestamp;
use url::Url;

use super::{
    Lookup, NoCredentials, SigningKeys,
    http::{fetch, send},
};

const ENDPOINT: &str = "http://169.254.169.254";
const ENDPOINT_VARIABLE: &str = "AWS_EC2_METADATA_SERVICE_ENDPOINT";
const ROLES: &str = "latest/meta-data/iam/security-credentials/";
const TOKEN: &str = "x-aws-ec2-metadata-token";
const TOKEN_TTL: (&str, &str) = ("x-aws-ec2-metadata-token-ttl-seconds", "300");

/// The role of the instance, from version 2 of its metadata service. Version 1 needs no token, so server-side
/// request forgery could read keys from it.
pub(in super::super) struct Instance {
    endpoint: Url,
}

impl Instance {
    pub(super) fn find(lookup: Lookup<'_>) -> Result<Self, NoCredentials> {
        let disabled = lookup("AWS_EC2_METADATA_DISABLED");
        if disabled.is_some_and(|value| value.eq_ignore_ascii_case("true")) {
            return Err(NoCredentials::new(
                "the environment",
                "there are no keys, and AWS_EC2_METADATA_DISABLED is true",
            ));
        }
        let endpoint = lookup(ENDPOINT_VARIABLE).unwrap_or_else(|| ENDPOINT.to_owned());
        let endpoint = format!("{}/", endpoint.trim_end_matches('/')).parse();
        let endpoint = endpoint.map_err(|error: url::ParseError| {
            NoCredentials::new(ENDPOINT_VARIABLE, error.to_string())
        })?;
        Ok(Self { endpoint })
    }

    pub(super) async fn fetch(
        &self,
        client: &HttpClient,
        now: Timestamp,
    ) -> Result<SigningKeys, NoCredentials> {
        let issuer = format!("the instance metadata at {}", self.endpoint);
        let issuer = issuer.trim_end_matches('/');
        let request = |method, path: &str| {
            let url = self.endpoint.join(path);
            let url = url.map_err(|error| NoCredentials::new(issuer, error.to_string()))?;
            Ok::<_, NoCredentials>(client.request(method, url))
        };
        let (name, ttl) = TOKEN_TTL;
        let token = request(Method::PUT, "latest/api/token")?.header(name, ttl);
        let token = fetch(token, issuer).await?;
        let roles = request(Method::GET, ROLES)?.header(TOKEN, token.trim());
        let role = match send(roles, issuer).await? {
            (StatusCode::OK, roles) => first_line(&roles),
            (StatusCode::NOT_FOUND, _) => None,
            (status, _) => {
                let reason = format!("the response is {status}");
                return Err(NoCredentials::new(issuer, reason));
            }
        };
        let role = role.ok_or_else(|| NoCredentials::new(issuer, "the instance has no role"))?;
        let keys = request(Method::GET, &format!("{ROLES}{role}"))?.header(TOKEN, token.trim());
        let document = fetch(keys, issuer).await?;
        SigningKeys::parse(&document, issuer, now)
    }
}

fn first_line(text: &str) -> Option<String> {
    let line = text.lines().map(str::trim).find(|line| !line.is_empty());
    line.map(str::to_owned)
}
