use std::error::Error;

use aar_cli::Failure;

/// An error with all its causes in one line, for the log.
pub(crate) fn error_chain(error: &(dyn Error + 'static)) -> String {
    Failure::from_error(error).message().to_owned()
}
