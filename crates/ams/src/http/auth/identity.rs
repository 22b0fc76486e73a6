use aar_types::Fingerprint;
use serde::{Deserialize, Serialize};

/// Who a trusted caller is. As text, `certificate:<fingerprint>` or `user:<uid>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub(in crate::http) enum Identity {
    /// The holder of a certificate.
    Certificate {
        /// Its fingerprint.
        fingerprint: Fingerprint,
    },
    /// A user of this machine.
    Local {
        /// Their number.
        uid: u32,
    },
}

impl From<Identity> for String {
    fn from(identity: Identity) -> Self {
        match identity {
            Identity::Certificate { fingerprint } => format!("certificate:{fingerprint}"),
            Identity::Local { uid } => format!("user:{uid}"),
        }
    }
}

impl TryFrom<String> for Identity {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let identity = match text.split_once(':') {
            Some(("certificate", fingerprint)) => fingerprint
                .parse()
                .ok()
                .map(|fingerprint| Self::Certificate { fingerprint }),
            Some(("user", uid)) => uid.parse().ok().map(|uid| Self::Local { uid }),
            _ => None,
        };
        identity.ok_or("nobody can be called like this")
    }
}
