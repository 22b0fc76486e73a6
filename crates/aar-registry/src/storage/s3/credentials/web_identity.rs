use http::{Request, header::CONTENT_TYPE};
use jiff::Timestamp;
use object_store::{aws::AwsCredential, client::HttpClient};
use serde::Deserialize;
use url::form_urlencoded;

use super::{Lease, NoCredential, ask::ask};

const PLACE: &str = "the web identity";

/// A token in a file, as Kubernetes provides it, for which the token service gives credentials.
pub(in crate::storage::s3) struct WebIdentity {
    token_file: String,
    role: String,
    session: String,
    endpoint: String,
}

#[derive(Deserialize)]
struct Answer {
    #[serde(rename = "AssumeRoleWithWebIdentityResult")]
    result: Assumed,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Assumed {
    credentials: Session,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Session {
    access_key_id: String,
    secret_access_key: String,
    #[serde(rename = "SessionToken")]
    token: String,
    expiration: Timestamp,
}

impl WebIdentity {
    /// `region` is that of the bucket, where it is one of AWS.
    pub(super) fn find(
        region: Option<&str>,
        lookup: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Option<Self>, NoCredential> {
        let Some(token_file) = lookup("AWS_WEB_IDENTITY_TOKEN_FILE") else {
            return Ok(None);
        };
        let role = lookup("AWS_ROLE_ARN").ok_or_else(|| {
            failed("AWS_WEB_IDENTITY_TOKEN_FILE is set without AWS_ROLE_ARN".to_owned())
        })?;
        let chosen = lookup("AWS_REGION").or_else(|| lookup("AWS_DEFAULT_REGION"));
        let endpoint = lookup("AWS_ENDPOINT_URL_STS");
        Ok(Some(Self {
            token_file,
            role,
            session: lookup("AWS_ROLE_SESSION_NAME").unwrap_or_else(|| "aar".to_owned()),
            endpoint: endpoint.unwrap_or_else(|| of_aws(chosen.as_deref().or(region))),
        }))
    }

    pub(super) async fn fetch(
        &self,
        client: &HttpClient,
        now: Timestamp,
    ) -> Result<Lease, NoCredential> {
        let token = fs_err::tokio::read_to_string(&self.token_file).await;
        let token = token.map_err(|error| failed(error.to_string()))?;
        let form = form_urlencoded::Serializer::new(String::new())
            .append_pair("Action", "AssumeRoleWithWebIdentity")
            .append_pair("Version", "2011-06-15")
            .append_pair("DurationSeconds", "3600")
            .append_pair("RoleArn", &self.role)
            .append_pair("RoleSessionName", &self.session)
            .append_pair("WebIdentityToken", token.trim())
            .finish();
        let request = Request::post(format!("{}/", self.endpoint.trim_end_matches('/')))
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded");
        let place = format!("{PLACE} at {}", self.endpoint);
        let text = ask(client, request, form, &place).await?;
        read(&text, now)
    }
}

/// The token service of a region, or that of no region in particular.
fn of_aws(region: Option<&str>) -> String {
    let Some(region) = region else {
        return "https://sts.amazonaws.com".to_owned();
    };
    let china = if region.starts_with("cn-") { ".cn" } else { "" };
    format!("https://sts.{region}.amazonaws.com{china}")
}

fn read(text: &str, now: Timestamp) -> Result<Lease, NoCredential> {
    // The error of the parser could show what it read.
    let answer: Answer = quick_xml::de::from_str(text)
        .map_err(|_| failed("what the token service answers is no credential".to_owned()))?;
    let session = answer.result.credentials;
    let credential = AwsCredential {
        key_id: session.access_key_id,
        secret_key: session.secret_access_key,
        token: Some(session.token),
    };
    Ok(Lease::new(credential, Some(session.expiration), now))
}

fn failed(reason: String) -> NoCredential {
    NoCredential {
        place: PLACE.to_owned(),
        reason,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_of_the_token_service_is_understood() {
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
        let lease = read(text, "2026-01-01T00:00:00Z".parse().unwrap()).unwrap();
        assert_eq!(lease.credential.key_id, "ASIA1");
        assert_eq!(lease.expires, Some("2026-01-01T01:00:00Z".parse().unwrap()));
        assert!(read("<Error/>", Timestamp::UNIX_EPOCH).is_err());
    }

    #[test]
    fn the_token_service_is_that_of_the_region_that_the_tools_of_aws_would_take() {
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
