use aar_types::Fingerprint;
use serde::{Deserialize, Serialize};

/// Identifies a trusted caller. As text, `certificate:<fingerprint>` or `user:<uid>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub(super) enum CallerId {
    Certificate { fingerprint: Fingerprint },
    Local { uid: u32 },
}

impl From<CallerId> for String {
    fn from(id: CallerId) -> Self {
        match id {
            CallerId::Certificate { fingerprint } => format!("certificate:{fingerprint}"),
            CallerId::Local { uid } => format!("user:{uid}"),
        }
    }
}

impl TryFrom<String> for CallerId {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let id = match text.split_once(':') {
            Some(("certificate", fingerprint)) => fingerprint
                .parse()
                .ok()
                .map(|fingerprint| Self::Certificate { fingerprint }),
            Some(("user", uid)) => uid.parse().ok().map(|uid| Self::Local { uid }),
            _ => None,
        };
        id.ok_or("not the id of a caller")
    }
}
