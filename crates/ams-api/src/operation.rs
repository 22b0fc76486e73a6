use std::{collections::BTreeMap, fmt};

use aar_types::null_as_empty;
use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;
use uuid::Uuid;

/// A background task of AMS.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Operation {
    /// The id.
    pub id: Uuid,
    /// The class.
    #[serde(default)]
    pub class: OperationClass,
    /// A description for people.
    #[serde(default)]
    pub description: String,
    /// When the operation was created.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// [`StatusCode::as_str`] of its status.
    #[serde(default)]
    pub status: String,
    /// The status.
    pub status_code: StatusCode,
    /// The paths of the resources that it changes, by kind: `applications`, `certificates`, …
    #[serde(default, deserialize_with = "null_as_empty")]
    pub resources: BTreeMap<String, Vec<String>>,
    /// Further facts, such as `progress`.
    #[serde(default, deserialize_with = "null_as_empty")]
    pub metadata: BTreeMap<String, Value>,
    /// Whether it can be cancelled now.
    #[serde(default)]
    pub may_cancel: bool,
    /// The reason why it failed; else empty.
    #[serde(default)]
    pub err: String,
    /// The server that runs it; empty for the server that answers.
    #[serde(default)]
    pub server_address: String,
}

impl Operation {
    /// The path of an operation.
    pub fn url(id: Uuid) -> String {
        format!("/1.0/operations/{id}")
    }

    /// Warnings of AMS, such as of unknown keys in the manifest of a package.
    pub fn warnings(&self) -> impl Iterator<Item = &str> {
        let warnings = self.metadata.get("warnings").and_then(Value::as_array);
        warnings.into_iter().flatten().filter_map(Value::as_str)
    }

    /// The names or ids of the resources of one kind.
    pub fn resource_names<'a>(&'a self, kind: &str) -> impl Iterator<Item = &'a str> {
        let urls = self.resources.get(kind).into_iter().flatten();
        urls.filter_map(|url| url.rsplit('/').next())
    }
}

/// The class of an operation.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OperationClass {
    /// It runs without further requests.
    #[default]
    Task,
    /// It exchanges data with its caller over a websocket.
    Websocket,
    /// It waits for a request with its secret.
    Token,
}

macro_rules! status_codes {
    ($($(#[$doc:meta])* $variant:ident = $code:literal, $name:literal;)+) => {
        /// The status of an operation.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum StatusCode {
            $($(#[$doc])* $variant,)+
            /// A status that this release does not know.
            Other(u16),
        }

        impl StatusCode {
            /// The number in bodies.
            pub fn code(self) -> u16 {
                match self { $(Self::$variant => $code,)+ Self::Other(code) => code }
            }

            /// The name in bodies.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ Self::Other(_) => "Unknown" }
            }
        }

        impl From<u16> for StatusCode {
            fn from(code: u16) -> Self {
                match code { $($code => Self::$variant,)+ other => Self::Other(other) }
            }
        }
    };
}

status_codes! {
    /// It was created.
    Created = 100, "Operation created";
    /// It was started.
    Started = 101, "Started";
    /// It runs.
    Running = 103, "Running";
    /// It is being cancelled.
    Cancelling = 104, "Cancelling";
    /// It waits for other operations.
    Pending = 105, "Pending";
    /// It succeeded.
    Success = 200, "Success";
    /// It failed.
    Failure = 400, "Failure";
    /// It was cancelled.
    Cancelled = 401, "Cancelled";
}

impl StatusCode {
    /// Whether the status never changes again.
    pub fn is_final(self) -> bool {
        self.code() >= 200
    }
}

impl fmt::Display for StatusCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl Serialize for StatusCode {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u16(self.code())
    }
}

impl<'de> Deserialize<'de> for StatusCode {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        u16::deserialize(deserializer).map(Self::from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operation_of_the_vendor_is_read() {
        let body = r#"{"id": "bc85137b-b20d-470a-a6ea-daa9a2b8506a", "class": "task",
            "created_at": "2017-07-28T05:02:22.92201407Z", "metadata": null,
            "updated_at": "2017-07-28T05:02:22.92201407Z", "status": "Success",
            "status_code": 200, "err": "",
            "resources": {"applications": ["/1.0/applications/c0946voj1qm6t2783db0"]}}"#;
        let operation: Operation = serde_json::from_str(body).unwrap();
        assert_eq!(operation.status_code, StatusCode::Success);
        assert!(operation.metadata.is_empty());
        let names: Vec<_> = operation.resource_names("applications").collect();
        assert_eq!(names, ["c0946voj1qm6t2783db0"]);
    }

    #[test]
    fn only_ended_operations_have_a_final_status() {
        assert!(!StatusCode::Running.is_final());
        assert!(!StatusCode::Cancelling.is_final());
        assert!(StatusCode::Failure.is_final());
        assert_eq!(StatusCode::from(110), StatusCode::Other(110));
    }
}
