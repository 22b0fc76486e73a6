use std::fmt;

/// The id of an application in this AMS: 20 characters that sort by age.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct ApplicationId(String);

impl ApplicationId {
    pub(crate) fn new() -> Self {
        Self(xid::new().to_string())
    }

    pub(super) fn from_column(id: String) -> Self {
        Self(id)
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ApplicationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
