//! Paths inside packages: relative, plain, and the same on every machine.

/// Why the path of an entry is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PathProblem {
    /// It is empty.
    #[error("the path is empty")]
    Empty,
}
