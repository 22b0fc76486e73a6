use std::{error::Error, fmt, io};

/// Marks a failure to write to standard output because its reader has ended, as in `aar audit | head`.
/// Other pipes and sockets fail with the same error kind.
#[derive(Debug)]
struct ClosedOutput(io::Error);

impl fmt::Display for ClosedOutput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Error for ClosedOutput {}

pub(crate) fn mark(error: io::Error) -> io::Error {
    if error.kind() == io::ErrorKind::BrokenPipe {
        return io::Error::new(error.kind(), ClosedOutput(error));
    }
    error
}

/// Whether a command failed because the reader of its output has ended. The program then ends without a
/// message.
pub fn is_closed_output(error: &(dyn Error + 'static)) -> bool {
    let mut chain = std::iter::successors(Some(error), |&error| error.source());
    chain.any(|error| {
        let inner = error
            .downcast_ref::<io::Error>()
            .and_then(io::Error::get_ref);
        inner.is_some_and(<dyn Error + Send + Sync>::is::<ClosedOutput>)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_marked_error_is_a_closed_output() {
        let broken = || io::Error::from(io::ErrorKind::BrokenPipe);
        assert!(is_closed_output(&mark(broken())));
        assert!(!is_closed_output(&broken()));
        assert!(!is_closed_output(&mark(io::ErrorKind::StorageFull.into())));
    }
}
