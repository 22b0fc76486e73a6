use std::{error::Error, fmt};

/// What a run that failed tells: one line that says what went wrong and why, and where it helps
/// another that says what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    message: String,
    hint: Option<String>,
}

impl Failure {
    /// A failure with its own words.
    pub fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            hint: None,
        }
    }

    /// The failure that an error and its sources tell, joined in one line. What an error has said
    /// of its source is not said again. A `Failure` among them brings its hint along.
    pub fn from_error(error: &(dyn Error + 'static)) -> Self {
        let chain = || std::iter::successors(Some(error), |&error| error.source());
        let hint = chain().find_map(|error| error.downcast_ref::<Self>()?.hint.clone());
        let mut message = error.to_string();
        for cause in chain().skip(1).map(ToString::to_string) {
            if !message.ends_with(&cause) {
                message = format!("{message}: {cause}");
            }
        }
        Self { message, hint }
    }

    /// The same failure with a hint what to do, in place of any that it has.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// What went wrong and why.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// What to do, where somebody knows.
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
    fn what_an_error_has_said_of_its_source_is_not_said_again() {
        let failure = Failure::from_error(&Repeats(Failure::new("no space left")));
        assert_eq!(failure.message(), "cannot copy: no space left");
    }

    #[test]
    fn the_whole_chain_is_told_in_one_line_with_the_hint_of_its_depth() {
        let error = Outer(Failure::new("no such file").with_hint("name another"));
        let failure = Failure::from_error(&error);
        assert_eq!(
            failure.message(),
            "cannot read the certificate: no such file"
        );
        assert_eq!(failure.hint(), Some("name another"));
    }
}
