use aar_types::Fingerprint;
use jiff::SignedDuration;

/// Why a caller is not let in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(in crate::http) enum Refusal {
    /// Nothing was shown.
    #[error("not authorized: no client certificate was shown")]
    NoCertificate,
    /// The trust store does not have it.
    #[error("not authorized: certificate {0} is not in the trust store")]
    Unknown(Fingerprint),
    /// Its time is over.
    #[error("not authorized: certificate {0} has expired")]
    Expired(Fingerprint),
    /// Its time has not begun.
    #[error("not authorized: certificate {0} is not valid yet; is one of the clocks wrong?")]
    NotYetValid(Fingerprint),
    /// The user is none of those who may.
    #[error(
        "not authorized: user {0} is neither root, nor the user of AMS, nor one of allowed-uids"
    )]
    User(u32),
    /// The token for the events is not good.
    #[error("not authorized: the token is not, or no longer, good")]
    Token,
    /// The address has given wrong passwords before, and has to wait.
    #[error("not authorized: wait {seconds} s before you try another trust password")]
    TooManyGuesses {
        /// How long, in whole seconds.
        seconds: u64,
    },
    /// The trust password was not right.
    #[error("not authorized: the trust password is not correct")]
    WrongPassword,
}

impl Refusal {
    /// The refusal of a guess that comes too soon. What is left of a second counts as a whole one,
    /// so that whoever waits for as long is let in.
    pub(super) fn too_many_guesses(wait: SignedDuration) -> Self {
        let begun = u64::from(wait.subsec_nanos() > 0);
        let seconds = wait.as_secs().unsigned_abs() + begun;
        Self::TooManyGuesses { seconds }
    }
}
