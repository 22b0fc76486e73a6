use aar_types::{ErrorCode, Role};

/// The reason why a caller is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Refusal {
    #[error("a client certificate is needed")]
    NoCertificate,
    #[error("the client certificate is not trusted")]
    Unknown,
    #[error("the client certificate is revoked")]
    Revoked,
    #[error("the client certificate has expired")]
    Expired,
    #[error("the client certificate is not valid yet; one of the two clocks may be wrong")]
    NotYetValid,
    #[error("the client certificate has the role {has}, this needs {needs}")]
    RoleInsufficient { has: Role, needs: Role },
}

impl Refusal {
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::NoCertificate => ErrorCode::CertificateRequired,
            Self::Unknown => ErrorCode::CertificateUnknown,
            Self::Revoked => ErrorCode::CertificateRevoked,
            Self::Expired => ErrorCode::CertificateExpired,
            Self::NotYetValid => ErrorCode::CertificateNotYetValid,
            Self::RoleInsufficient { .. } => ErrorCode::RoleInsufficient,
        }
    }
}
