use http::{Request, header::AUTHORIZATION};
use jiff::Timestamp;
use object_store::client::HttpClient;
use url::Url;

use super::{Document, Lease, NoCredential, ask::ask};

const ENDPOINT: &str = "http://169.254.170.2";
/// Who may be asked without encryption, beside this machine itself.
const UNENCRYPTED: [&str; 3] = ["169.254.170.2", "169.254.170.23", "[fd00:ec2::23]"];

/// The endpoint that a container finds in its environment, of ECS or of EKS.
pub(in crate::storage::s3) struct Container {
    url: Url,
    token: Option<Token>,
}

enum Token {
    Value(String),
    /// It changes, so it is read each time.
    File(String),
}

impl Container {
    pub(super) fn find(
        lookup: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Option<Self>, NoCredential> {
        let relative = lookup("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
        let relative = relative.map(|path| format!("{ENDPOINT}{path}"));
        let Some(text) = relative.or_else(|| lookup("AWS_CONTAINER_CREDENTIALS_FULL_URI")) else {
            return Ok(None);
        };
        let url = Url::parse(&text).ok().filter(is_allowed);
        let url = url.ok_or_else(|| NoCredential {
            place: "AWS_CONTAINER_CREDENTIALS_FULL_URI".to_owned(),
            reason: "credentials are not asked for at such an address".to_owned(),
        })?;
        let file = lookup("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE").map(Token::File);
        let token = file.or_else(|| lookup("AWS_CONTAINER_AUTHORIZATION_TOKEN").map(Token::Value));
        Ok(Some(Self { url, token }))
    }

    pub(super) async fn fetch(
        &self,
        client: &HttpClient,
        now: Timestamp,
    ) -> Result<Lease, NoCredential> {
        let place = format!("the container credentials at {}", self.url);
        let mut request = Request::get(self.url.as_str());
        if let Some(token) = self.token().await? {
            request = request.header(AUTHORIZATION, token.trim());
        }
        let document = ask(client, request, String::new(), &place).await?;
        Document::read(&document, &place, now)
    }

    async fn token(&self) -> Result<Option<String>, NoCredential> {
        match &self.token {
            None => Ok(None),
            Some(Token::Value(value)) => Ok(Some(value.clone())),
            Some(Token::File(path)) => {
                let read = fs_err::tokio::read_to_string(path).await;
                read.map(Some).map_err(|error| NoCredential {
                    place: "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE".to_owned(),
                    reason: error.to_string(),
                })
            }
        }
    }
}

/// Encrypted, or to somewhere that is not the network.
fn is_allowed(url: &Url) -> bool {
    let local = match url.host() {
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        Some(url::Host::Domain(name)) => name == "localhost",
        None => false,
    };
    let known = url
        .host_str()
        .is_some_and(|host| UNENCRYPTED.contains(&host));
    url.scheme() == "https" || (url.scheme() == "http" && (local || known))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_not_fetched_over_an_open_network() {
        for (url, good) in [
            ("http://169.254.170.2/v2/x", true),
            ("http://169.254.170.23/v1/credentials", true),
            ("http://[fd00:ec2::23]/v1/credentials", true),
            ("http://127.0.0.1:8080/x", true),
            ("http://localhost/x", true),
            ("https://credentials.example.com/x", true),
            ("http://credentials.example.com/x", false),
            ("http://10.0.0.1/x", false),
            ("ftp://localhost/x", false),
        ] {
            assert_eq!(is_allowed(&Url::parse(url).unwrap()), good, "{url}");
        }
    }
}
