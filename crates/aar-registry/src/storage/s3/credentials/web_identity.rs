use aar_http::{HttpClient, Method, header::CONTENT_TYPE};
use jiff::Timestamp;
use serde::Deserialize;
use url::{Url, form_urlencoded};

use super::{Lookup, NoCredentials, SigningKeys, http::fetch};

const ISSUER: &str = "the web identity";

/// A token in a file, as Kubernetes provides it. The token service exchanges it for credentials.
pub(in super::super) struct WebIdentity {
    token_file: String,
    role: String,
    session: String,
    endpoint: String,
}

#[derive(Deserialize)]
struct AssumeRoleResponse {
    #[serde(rename = "AssumeRoleWithWebIdentityResult")]
    result: AssumeRoleResult,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct AssumeRoleResult {
    credentials: SessionCredentials,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct SessionCredentials {
    access_key_id: String,
    secret_access_key: String,
    #[serde(rename = "SessionToken")]
    token: String,
    expiration: Timestamp,
}

impl WebIdentity {
    /// `region` is that of the bucket, if it is one of AWS.
    pub(super) fn find(
        region: Option<&str>,
        lookup: Lookup<'_>,
    ) -> Result<Option<Self>, NoCredentials> {
        let Some(token_file) = lookup("AWS_WEB_IDENTITY_TOKEN_FILE") else {
            return Ok(None);
        };
        let role = lookup("AWS_ROLE_ARN").ok_or_else(|| {
            let reason = "AWS_WEB_IDENTITY_TOKEN_FILE is set without AWS_ROLE_ARN";
            NoCredentials::new(ISSUER, reason)
        })?;
        let chosen = lookup("AWS_REGION").or_else(|| lookup("AWS_DEFAULT_REGION"));
        let endpoint = lookup("AWS_ENDPOINT_URL_STS");
        Ok(Some(Self {
            token_file,
            role,
            session: lookup("AWS_ROLE_SESSION_NAME").unwrap_or_else(|| "aar".to_owned()),
            endpoint: endpoint.unwrap_or_else(|| aws_endpoint(chosen.as_deref().or(region))),
        }))
    }

    pub(super) async fn fetch(
        &self,
        client: &HttpClient,
        now: Timestamp,
    ) -> Result<SigningKeys, NoCredentials> {
        let token = fs_err::tokio::read_to_string(&self.token_file).await;
        let token = token.map_err(|error| NoCredentials::new(ISSUER, error.to_string()))?;
        let issuer = format!("{ISSUER} at {}", self.endpoint);
        let url = Url::parse(&format!("{}/", self.endpoint.trim_end_matches('/')));
        let url = url.map_err(|error| NoCredentials::new(&issuer, error.to_string()))?;
        let request = client
            .request(Method::POST, url)
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(self.form(token.trim()));
        parse(&fetch(request, &issuer).await?, now)
    }

    fn form(&self, token: &str) -> String {
        form_urlencoded::Serializer::new(String::new())
            .append_pair("Action", "AssumeRoleWithWebIdentity")
            .append_pair("Version", "2011-06-15")
            .append_pair("DurationSeconds", "3600")
            .append_pair("RoleArn", &self.role)
            .append_pair("RoleSessionName", &self.session)
            .append_pair("WebIdentityToken", token)
            .finish()
    }
}

/// The token service of a region, or the global one.
fn aws_endpoint(region: Option<&str>) -> String {
    let Some(region) = region else {
        return "https://sts.amazonaws.com".to_owned();
    };
    let china = if region.starts_with("cn-") { ".cn" } else { "" };
    format!("https://sts.{region}.amazonaws.com{china}")
}

fn parse(text: &str, now: Timestamp) -> Result<SigningKeys, NoCredentials> {
    // The error of the parser could show a secret.
    let response: AssumeRoleResponse = quick_xml::de::from_str(text).map_err(|_| {
        let reason = "the response of the token service holds no credentials";
        NoCredentials::new(ISSUER, reason)
    })?;
    let SessionCredentials {
        access_key_id,
        secret_access_key,
        token,
        expiration,
    } = response.result.credentials;
    let keys = (access_key_id, secret_access_key, Some(token));
    Ok(SigningKeys::temporary(keys, Some(expiration), now))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn response_of_the_token_service_is_parsed() {
        let text = r#"<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
            <AssumeRoleWithWebIdentityResult>
              <SubjectFromWebIdentityToken>system:serviceaccount:aar</SubjectFromWebIdentityToken>
              <Credentials>
                <SessionToken>token</SessionToken><SecretAccessKey>hush</SecretAccessKey>
                <Expiration>2026-01-01T01:00:00Z</Expiration><AccessKeyId>ASIA1</AccessKeyId>
              </Credentials>
            </AssumeRoleWithWebIdentityResult>
            <ResponseMetadata><RequestId>x</RequestId></ResponseMetadata>
          </AssumeRoleWithWebIdentityResponse>"#;
        let keys = parse(text, "2026-01-01T00:00:00Z".parse().unwrap()).unwrap();
        assert_eq!(keys.credentials.access_key_id(), "ASIA1");
        assert_eq!(keys.expires, Some("2026-01-01T01:00:00Z".parse().unwrap()));
        assert!(parse("<Error/>", Timestamp::UNIX_EPOCH).is_err());
    }

    #[test]
    fn token_service_is_chosen_as_the_aws_tools_do() {
        let endpoint = |region: Option<&str>, variables: &[(&str, &str)]| {
            let identity = WebIdentity::find(region, &|name| match name {
                "AWS_WEB_IDENTITY_TOKEN_FILE" | "AWS_ROLE_ARN" => Some("x".to_owned()),
                name => {
                    let found = variables.iter().find(|(known, _)| *known == name);
                    found.map(|(_, value)| (*value).to_owned())
                }
            });
            identity.unwrap().unwrap().endpoint
        };
        let bucket = Some("eu-west-3");
        let default = ("AWS_DEFAULT_REGION", "us-east-2");
        let region = ("AWS_REGION", "cn-north-1");
        let own = ("AWS_ENDPOINT_URL_STS", "https://sts.example.com");
        for (of_bucket, variables, expected) in [
            (bucket, &[][..], "https://sts.eu-west-3.amazonaws.com"),
            (
                Some("cn-northwest-1"),
                &[],
                "https://sts.cn-northwest-1.amazonaws.com.cn",
            ),
            (None, &[], "https://sts.amazonaws.com"),
            (bucket, &[default], "https://sts.us-east-2.amazonaws.com"),
            (
                None,
                &[default, region],
                "https://sts.cn-north-1.amazonaws.com.cn",
            ),
            (bucket, &[region, own], "https://sts.example.com"),
        ] {
            assert_eq!(endpoint(of_bucket, variables), expected);
        }
    }
}
