use std::{error::Error, iter};

/// The message of an error with the messages of its causes, in one line.
///
/// A cause that the text before it ends with is not repeated: some libraries quote their cause.
#[must_use]
pub fn error_chain(error: &dyn Error) -> String {
    let causes = iter::successors(error.source(), |&cause| cause.source());
    causes.fold(error.to_string(), |text, cause| {
        let message = cause.to_string();
        if text.ends_with(&message) {
            text
        } else {
            format!("{text}: {message}")
        }
    })
}

/// The last cause of an error; the error itself when it has none.
#[must_use]
pub fn root_cause<'e>(error: &'e (dyn Error + 'static)) -> &'e (dyn Error + 'static) {
    let chain = iter::successors(Some(error), |&cause| cause.source());
    chain.last().unwrap_or(error)
}
