//! Whose word it is that the bucket does not take.

use std::fmt;

/// Where the keys come from that requests are signed with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyOrigin {
    /// They are written in the configuration.
    Configuration,
    /// Variables of the environment.
    Environment,
    /// A web identity was exchanged for them.
    WebIdentity,
    /// The container gives them.
    Container,
    /// The instance gives them.
    Instance,
}

impl fmt::Display for KeyOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Configuration => "from the configuration",
            Self::Environment => "from the environment",
            Self::WebIdentity => "of the web identity",
            Self::Container => "of the container's role",
            Self::Instance => "of the instance's role",
        })
    }
}

impl KeyOrigin {
    /// What to do when nobody knows the key.
    pub(super) fn when_unknown(self) -> &'static str {
        match self {
            Self::Configuration => "correct storage.s3.access-key",
            Self::Environment => "correct AWS_ACCESS_KEY_ID",
            _ => "give it a role of this service, or write storage.s3.access-key",
        }
    }

    /// What to do when the secret does not belong to the key.
    pub(super) fn when_wrong(self) -> &'static str {
        match self {
            Self::Configuration => "correct storage.s3.secret-access-key",
            Self::Environment => "correct AWS_SECRET_ACCESS_KEY",
            _ => "look at what gives it out",
        }
    }

    /// What to do when the session of the key is over.
    pub(super) fn when_over(self) -> &'static str {
        match self {
            Self::Configuration => {
                "renew storage.s3.session-token, or leave the keys out and give the machine a role"
            }
            Self::Environment => {
                "renew AWS_SESSION_TOKEN, or leave the keys out and give the machine a role"
            }
            _ => "look at what gives it out, and at the clock of this machine",
        }
    }
}
