//! Who may do what. The only ways to a handle on the registry are in this file, and there is no
//! way round them.
//!
//! A handle is a right: [`Reader`] reads, [`Publisher`] also writes, [`Operator`] also administers.
//! Each derefs to the one below it.

use std::ops::Deref;

use aar_types::{ErrorCode, Fingerprint, Role};

use crate::{Registry, audit::Actor};

/// Somebody who asks for something over the network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The certificate whose key the caller has been shown to hold.
    pub fingerprint: Option<Fingerprint>,
    /// Where the caller is.
    pub address: String,
    /// What the caller asks for, as method and route. A refusal is recorded with it.
    pub request: String,
}

/// Why a caller is turned away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Refusal {
    /// No certificate was shown.
    #[error("a client certificate is needed")]
    NoCertificate,
    /// The certificate is not trusted.
    #[error("the client certificate is not trusted")]
    Unknown,
    /// The certificate is revoked.
    #[error("the client certificate is revoked")]
    Revoked,
    /// The certificate's time is over.
    #[error("the client certificate has expired")]
    Expired,
    /// The certificate's time has not begun.
    #[error("the client certificate is not valid yet; one of the two clocks may be wrong")]
    NotYetValid,
    /// The certificate is trusted, but for less.
    #[error("the client certificate has the role {has}, this needs {needs}")]
    RoleInsufficient {
        /// What the certificate is trusted for.
        has: Role,
        /// What it would have to be trusted for.
        needs: Role,
    },
}

impl Refusal {
    /// The code under which programs know it.
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

/// The right to read the catalogue and to fetch images.
#[derive(Debug, Clone)]
pub struct Reader {
    pub(crate) registry: Registry,
    pub(crate) actor: Actor,
}

/// The right to change the catalogue.
#[derive(Debug, Clone)]
pub struct Publisher(Reader);

/// The right to administer the registry. It belongs to whoever can write its files, and is asked
/// for by the command line and by the server's own housekeeping.
#[derive(Debug, Clone)]
pub struct Operator(Publisher);

impl Deref for Publisher {
    type Target = Reader;

    fn deref(&self) -> &Reader {
        &self.0
    }
}

impl Deref for Operator {
    type Target = Publisher;

    fn deref(&self) -> &Publisher {
        &self.0
    }
}

impl Registry {
    /// The role of a certificate at this moment. Nothing is recorded: this is for telling callers
    /// where they stand.
    pub fn standing(&self, certificate: Option<&Fingerprint>) -> Result<Role, Refusal> {
        let _ = certificate;
        todo!()
    }

    /// A reader's handle, for whoever has at least that role. A refusal is recorded.
    pub fn reader(&self, caller: &Caller) -> Result<Reader, Refusal> {
        let _ = caller;
        todo!()
    }

    /// A publisher's handle, for whoever has that role. A refusal is recorded.
    pub fn publisher(&self, caller: &Caller) -> Result<Publisher, Refusal> {
        let _ = caller;
        todo!()
    }

    /// The operator's handle; what is done with it is recorded under this name. It is for programs
    /// that run on the registry's own machine, never for what comes over the network.
    pub fn operator(&self, name: &str) -> Operator {
        let _ = name;
        todo!()
    }
}
