use std::fmt;

use aar_http::HttpClient;
use jiff::Timestamp;

use super::{
    Lookup, NoCredentials, SigningKeys, container::Container, instance::Instance,
    web_identity::WebIdentity,
};
use crate::{KeyOrigin, S3Options, Secret};

pub(in super::super) enum CredentialSource {
    Configuration(SigningKeys),
    Environment(SigningKeys),
    WebIdentity(WebIdentity),
    Container(Container),
    Instance(Instance),
}

impl fmt::Display for CredentialSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Configuration(_) => "configuration",
            Self::Environment(_) => "environment",
            Self::WebIdentity(_) => "web identity",
            Self::Container(_) => "container",
            Self::Instance(_) => "instance",
        })
    }
}

impl From<&CredentialSource> for KeyOrigin {
    fn from(source: &CredentialSource) -> Self {
        match source {
            CredentialSource::Configuration(_) => Self::Configuration,
            CredentialSource::Environment(_) => Self::Environment,
            CredentialSource::WebIdentity(_) => Self::WebIdentity,
            CredentialSource::Container(_) => Self::Container,
            CredentialSource::Instance(_) => Self::Instance,
        }
    }
}

impl CredentialSource {
    /// The configured source, or else the first one in the environment.
    pub(in super::super) fn choose(options: &S3Options) -> Result<Self, NoCredentials> {
        if let Some(keys) = &options.credentials {
            return Ok(Self::Configuration(SigningKeys::permanent(
                &keys.access_key,
                keys.secret_access_key.expose(),
                keys.session_token.as_ref().map(Secret::expose),
            )));
        }
        // The region of another service may not exist in AWS.
        let region = options.endpoint.is_none().then_some(&*options.region);
        Self::find(region, &|name| {
            std::env::var(name).ok().filter(|value| !value.is_empty())
        })
    }

    pub(super) fn find(region: Option<&str>, lookup: Lookup<'_>) -> Result<Self, NoCredentials> {
        if let Some(keys) = environment(lookup)? {
            return Ok(Self::Environment(keys));
        }
        if let Some(identity) = WebIdentity::find(region, lookup)? {
            return Ok(Self::WebIdentity(identity));
        }
        if let Some(container) = Container::find(lookup)? {
            return Ok(Self::Container(container));
        }
        Instance::find(lookup).map(Self::Instance)
    }

    pub(super) async fn fetch(
        &self,
        client: &HttpClient,
        now: Timestamp,
    ) -> Result<SigningKeys, NoCredentials> {
        match self {
            Self::Configuration(keys) | Self::Environment(keys) => Ok(keys.clone()),
            Self::WebIdentity(identity) => identity.fetch(client, now).await,
            Self::Container(container) => container.fetch(client, now).await,
            Self::Instance(instance) => instance.fetch(client, now).await,
        }
    }
}

fn environment(lookup: Lookup<'_>) -> Result<Option<SigningKeys>, NoCredentials> {
    let token = lookup("AWS_SESSION_TOKEN");
    match (lookup("AWS_ACCESS_KEY_ID"), lookup("AWS_SECRET_ACCESS_KEY")) {
        (Some(id), Some(secret)) => {
            let keys = SigningKeys::permanent(&id, &secret, token.as_deref());
            Ok(Some(keys))
        }
        (None, None) => Ok(None),
        _ => Err(NoCredentials::new(
            "the environment",
            "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY belong together, one is missing",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(variables: &[(&str, &str)]) -> Result<String, String> {
        let lookup = |name: &str| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        CredentialSource::find(Some("eu-west-3"), &lookup)
            .map(|source| source.to_string())
            .map_err(|error| error.to_string())
    }

    const KEYS: [(&str, &str); 2] = [
        ("AWS_ACCESS_KEY_ID", "AKIA1"),
        ("AWS_SECRET_ACCESS_KEY", "hush"),
    ];
    const IDENTITY: [(&str, &str); 2] = [
        ("AWS_WEB_IDENTITY_TOKEN_FILE", "/var/run/token"),
        ("AWS_ROLE_ARN", "arn:aws:iam::1:role/aar"),
    ];
    const CONTAINER: [(&str, &str); 1] = [("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/v2/x")];

    #[test]
    fn environment_is_searched_in_the_order_of_the_aws_tools() {
        let all = [&KEYS[..], &IDENTITY, &CONTAINER];
        let order = ["environment", "web identity", "container", "instance"];
        for (skipped, expected) in order.into_iter().enumerate() {
            let variables = all[skipped..].concat();
            assert_eq!(found(&variables), Ok(expected.to_owned()));
        }
    }

    #[test]
    fn half_of_a_key_is_an_error_and_ends_the_search() {
        for half in KEYS {
            let refused = found(&[half]).unwrap_err();
            assert!(refused.contains("belong together") && !refused.contains("hush"));
        }
    }

    #[test]
    fn web_identity_without_a_role_is_an_error_and_ends_the_search() {
        let refused = found(&IDENTITY[..1]).unwrap_err();
        assert!(refused.contains("AWS_ROLE_ARN"), "{refused}");
    }

    #[test]
    fn disabled_instance_metadata_is_named() {
        let refused = found(&[("AWS_EC2_METADATA_DISABLED", "true")]).unwrap_err();
        assert!(refused.contains("AWS_EC2_METADATA_DISABLED"), "{refused}");
    }
}
