use aar_types::Fingerprint;
use jiff::SignedDuration;

/// Why a caller is not authorised.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refusal {
    #[error("not authorized: no client certificate was shown")]
    NoCertificate,
    #[error("not authorized: certificate {0} is not in the trust store")]
    Unknown(Fingerprint),
    #[error("not authorized: certificate {0} has expired")]
    Expired(Fingerprint),
    #[error("not authorized: certificate {0} is not valid yet: check the clocks of both machines")]
    NotYetValid(Fingerprint),
    #[error(
        "not authorized: user {0} is neither root, nor the user of AMS, nor one of allowed-uids, \
         nor in the group of the socket"
    )]
    User(u32),
    #[error("not authorized: the token is invalid or has expired")]
    Token,
    /// The address has sent wrong passwords.
    #[error("not authorized: wait {seconds} s before the next attempt with a trust password")]
    TooManyAttempts { seconds: u64 },
    #[error("not authorized: the trust password is not correct")]
    WrongPassword,
}

impl Refusal {
    /// Rounds the time to wait up to whole seconds, so that waiting for it is enough.
    pub(super) fn too_many_attempts(wait: SignedDuration) -> Self {
        let rounding = u64::from(wait.subsec_nanos() > 0);
        let seconds = wait.as_secs().unsigned_abs() + rounding;
        Self::TooManyAttempts { seconds }
    }
}
