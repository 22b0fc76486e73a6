use aar_http::{HttpClient, Method, header::AUTHORIZATION};
use jiff::Timestamp;
use url::Url;

use super::{Lookup, NoCredentials, SigningKeys, http::fetch};

const ENDPOINT: &str = "http://169.254.170.2";
/// Allowed without encryption, beside this host.
const UNENCRYPTED: [&str; 3] = ["169.254.170.2", "169.254.170.23", "[fd00:ec2::23]"];
const URI: &str = "AWS_CONTAINER_CREDENTIALS_FULL_URI";
const TOKEN_FILE: &str = "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE";

/// The credentials endpoint that ECS or EKS sets in the environment of a container.
pub(in super::super) struct Container {
    url: Url,
    token: Option<Token>,
}

enum Token {
    Value(String),
    /// The content changes, so it is read for every request.
    File(String),
}

impl Container {
    pub(super) fn find(lookup: Lookup<'_>) -> Result<Option<Self>, NoCredentials> {
        let relative = lookup("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
        let relative = relative.map(|path| format!("{ENDPOINT}{path}"));
        let Some(text) = relative.or_else(|| lookup(URI)) else {
            return Ok(None);
        };
        let url = Url::parse(&text).ok().filter(is_allowed);
        let url = url.ok_or_else(|| {
            let reason = "credentials are not fetched from such an address";
            NoCredentials::new(URI, reason)
        })?;
        let file = lookup(TOKEN_FILE).map(Token::File);
        let token = file.or_else(|| lookup("AWS_CONTAINER_AUTHORIZATION_TOKEN").map(Token::Value));
        Ok(Some(Self { url, token }))
    }

    pub(super) async fn fetch(
        &self,
        client: &HttpClient,
        now: Timestamp,
    ) -> Result<SigningKeys, NoCredentials> {
        let issuer = format!("the container credentials at {}", self.url);
        let mut request = client.request(Method::GET, self.url.clone());
        if let Some(token) = self.token().await? {
            request = request.header(AUTHORIZATION, token.trim());
        }
        let document = fetch(request, &issuer).await?;
        SigningKeys::parse(&document, &issuer, now)
    }

    async fn token(&self) -> Result<Option<String>, NoCredentials> {
        match &self.token {
            None => Ok(None),
            Some(Token::Value(value)) => Ok(Some(value.clone())),
            Some(Token::File(path)) => {
                let token = fs_err::tokio::read_to_string(path).await;
                let token = token.map(Some);
                token.map_err(|error| NoCredentials::new(TOKEN_FILE, error.to_string()))
            }
        }
    }
}

/// Whether the URL is encrypted or on this host.
fn is_allowed(url: &Url) -> bool {
    let is_local = match url.host() {
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        Some(url::Host::Domain(name)) => name == "localhost",
        None => false,
    };
    let is_known = url
        .host_str()
        .is_some_and(|host| UNENCRYPTED.contains(&host));
    url.scheme() == "https" || (url.scheme() == "http" && (is_local || is_known))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_not_fetched_unencrypted_over_the_network() {
        for (url, is_good) in [
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
            assert_eq!(is_allowed(&Url::parse(url).unwrap()), is_good, "{url}");
        }
    }
}
