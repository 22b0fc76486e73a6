use aar_types::Fingerprint;

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
    #[error("not authorized: wait before you try another trust password")]
    TooManyGuesses,
    /// The trust password was not right.
    #[error("not authorized: the trust password is not correct")]
    WrongPassword,
}
