use std::{error::Error, fmt};

use aar_types::error_chain;

/// Why a command failed: one line that says what went wrong and why, and an optional hint that says
/// what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    message: String,
    hint: Option<String>,
}

impl Failure {
    pub fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            hint: None,
        }
    }

    /// Joins an error and its sources in one line. A source that its error already quotes is not
    /// repeated. The hint is that of the first `Failure` in the chain.
    pub fn from_error(error: &(dyn Error + 'static)) -> Self {
        let mut chain = std::iter::successors(Some(error), |&error| error.source());
        let hint = chain.find_map(|error| error.downcast_ref::<Self>()?.hint.clone());
        Self {
            message: error_chain(error),
            hint,
        }
    }

    /// Replaces the hint.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    pub fn message(&self) -> &str {
        &self.message
    }

    pub fn hint(&self) -> Option<&str> {
        self.hint.as_deref()
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl Error for Failure {}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("cannot read the certificate")]
    struct Outer(#[source] Failure);

    #[derive(Debug, thiserror::Error)]
    #[error("cannot copy: {0}")]
    struct Repeats(#[source] Failure);

    #[test]
    fn source_that_its_error_quotes_is_not_repeated() {
        let failure = Failure::from_error(&Repeats(Failure::new("no space left")));
        assert_eq!(failure.message(), "cannot copy: no space left");
    }

    #[test]
    fn error_chain_becomes_one_line_with_the_hint_of_its_cause() {
        let error = Outer(Failure::new("no such file").with_hint("name another"));
        let failure = Failure::from_error(&error);
        assert_eq!(
            failure.message(),
            "cannot read the certificate: no such file"
        );
        assert_eq!(failure.hint(), Some("name another"));
    }
}
