use std::{fmt, sync::Arc};

use jiff::Timestamp;
use object_store::{aws::AwsCredential, client::HttpClient};

use super::{
    Lease, NoCredential, container::Container, instance::Instance, web_identity::WebIdentity,
};
use crate::{S3Options, Secret, storage::s3::origin::KeyOrigin};

/// Where credentials come from.
pub(in crate::storage::s3) enum Source {
    /// They are written in the configuration.
    Written(Arc<AwsCredential>),
    Environment(Arc<AwsCredential>),
    WebIdentity(WebIdentity),
    Container(Container),
    Instance(Instance),
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Written(_) => "configuration",
            Self::Environment(_) => "environment",
            Self::WebIdentity(_) => "web identity",
            Self::Container(_) => "container",
            Self::Instance(_) => "instance",
        })
    }
}

impl From<&Source> for KeyOrigin {
    fn from(source: &Source) -> Self {
        match source {
            Source::Written(_) => Self::Configuration,
            Source::Environment(_) => Self::Environment,
            Source::WebIdentity(_) => Self::WebIdentity,
            Source::Container(_) => Self::Container,
            Source::Instance(_) => Self::Instance,
        }
    }
}

/// Looks up a variable of the environment.
type Lookup<'a> = &'a dyn Fn(&str) -> Option<String>;

impl Source {
    /// The one that is configured, or else the first that the surroundings have.
    pub(in crate::storage::s3) fn choose(options: &S3Options) -> Result<Self, NoCredential> {
        if let Some(keys) = &options.credentials {
            return Ok(Self::Written(known(
                &keys.access_key,
                keys.secret_access_key.expose(),
                keys.session_token.as_ref().map(Secret::expose),
            )));
        }
        // What a service elsewhere calls its region need not be one of AWS.
        let region = options.endpoint.is_none().then_some(&*options.region);
        Self::around(region, &|name| {
            std::env::var(name).ok().filter(|value| !value.is_empty())
        })
    }

    pub(super) fn around(region: Option<&str>, lookup: Lookup<'_>) -> Result<Self, NoCredential> {
        if let Some(keys) = Self::environment(lookup)? {
            return Ok(keys);
        }
        if let Some(identity) = WebIdentity::find(region, lookup)? {
            return Ok(Self::WebIdentity(identity));
        }
        if let Some(container) = Container::find(lookup)? {
            return Ok(Self::Container(container));
        }
        Instance::find(lookup).map(Self::Instance)
    }

    fn environment(lookup: Lookup<'_>) -> Result<Option<Self>, NoCredential> {
        let token = lookup("AWS_SESSION_TOKEN");
        match (lookup("AWS_ACCESS_KEY_ID"), lookup("AWS_SECRET_ACCESS_KEY")) {
            (Some(id), Some(secret)) => {
                let credential = known(&id, &secret, token.as_deref());
                Ok(Some(Self::Environment(credential)))
            }
            (None, None) => Ok(None),
            _ => Err(NoCredential {
                place: "the environment".to_owned(),
                reason:
                    "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY belong together, one is missing"
                        .to_owned(),
            }),
        }
    }

    pub(super) async fn fetch(
        &self,
        client: &HttpClient,
        now: Timestamp,
    ) -> Result<Lease, NoCredential> {
        match self {
            Self::Written(credential) | Self::Environment(credential) => {
                Ok(Lease::without_end(Arc::clone(credential)))
            }
            Self::WebIdentity(identity) => identity.fetch(client, now).await,
            Self::Container(container) => container.fetch(client, now).await,
            Self::Instance(instance) => instance.fetch(client, now).await,
        }
    }
}

fn known(id: &str, secret: &str, token: Option<&str>) -> Arc<AwsCredential> {
    Arc::new(AwsCredential {
        key_id: id.to_owned(),
        secret_key: secret.to_owned(),
        token: token.map(str::to_owned),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(variables: &[(&str, &str)]) -> Result<String, String> {
        let lookup = |name: &str| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        Source::around(Some("eu-west-3"), &lookup)
            .map(|source| format!("{source:?}"))
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
    fn the_surroundings_are_searched_in_the_order_of_the_tools_of_aws() {
        let all = [&KEYS[..], &IDENTITY, &CONTAINER];
        let order = ["environment", "web identity", "container", "instance"];
        for (skipped, expected) in order.into_iter().enumerate() {
            let variables = all[skipped..].concat();
            assert_eq!(chosen(&variables), Ok(expected.to_owned()));
        }
    }

    #[test]
    fn half_of_a_key_is_a_mistake_and_not_a_reason_to_search_on() {
        for half in KEYS {
            let refused = chosen(&[half]).unwrap_err();
            assert!(refused.contains("belong together") && !refused.contains("hush"));
        }
    }

    #[test]
    fn a_web_identity_without_a_role_is_a_mistake_and_not_a_reason_to_search_on() {
        let refused = chosen(&IDENTITY[..1]).unwrap_err();
        assert!(refused.contains("AWS_ROLE_ARN"), "{refused}");
    }

    #[test]
    fn a_machine_can_do_without_its_metadata() {
        let refused = chosen(&[("AWS_EC2_METADATA_DISABLED", "true")]).unwrap_err();
        assert!(refused.contains("AWS_EC2_METADATA_DISABLED"), "{refused}");
    }
}
