//! Who may do what. The only ways to a handle on the registry are in this file, and there is no
//! way round them.
//!
//! A handle is a right: [`Reader`] reads, [`Publisher`] also writes, [`Operator`] also administers.
//! Each derefs to the one below it.

use std::{net::IpAddr, ops::Deref};

use aar_types::{ErrorCode, Fingerprint, Role};

use crate::{Registry, audit::Actor};

/// Somebody who asks for something over the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Caller<'a> {
    /// The certificate whose key the caller has been shown to hold.
    pub fingerprint: Option<Fingerprint>,
    /// Where the caller is. Without the port: every connection has another one.
    pub address: Option<IpAddr>,
    /// The method that the caller asks for. A refusal is recorded with it.
    pub method: &'a str,
    /// The route that the caller asks for, recorded likewise.
    pub route: &'a str,
    /// The path that the caller asks for: what a refusal is about.
    pub path: &'a str,
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
        let fingerprint = certificate.ok_or(Refusal::NoCertificate)?;
        self.trust().standing(fingerprint, self.now())
    }

    /// A reader's handle, for whoever has at least that role. A refusal is recorded.
    pub fn reader(&self, caller: &Caller<'_>) -> Result<Reader, Refusal> {
        self.authorise(caller, Role::Client)
    }

    /// A publisher's handle, for whoever has that role. A refusal is recorded.
    pub fn publisher(&self, caller: &Caller<'_>) -> Result<Publisher, Refusal> {
        self.authorise(caller, Role::Publisher).map(Publisher)
    }

    /// The operator's handle; what is done with it is recorded under this name. It is for programs
    /// that run on the registry's own machine, never for what comes over the network.
    pub fn operator(&self, name: &str) -> Operator {
        let reader = Reader {
            registry: self.clone(),
            actor: Actor::Operator(name.to_owned()),
        };
        Operator(Publisher(reader))
    }

    fn authorise(&self, caller: &Caller<'_>, needs: Role) -> Result<Reader, Refusal> {
        let standing = self.standing(caller.fingerprint.as_ref());
        let granted = standing.and_then(|has| enough(has, needs));
        let actor = Actor::Caller {
            fingerprint: caller.fingerprint,
            role: standing.ok(),
            address: caller.address,
        };
        match granted {
            Ok(()) => Ok(Reader {
                registry: self.clone(),
                actor,
            }),
            Err(refusal) => {
                let request = format!("{} {}", caller.method, caller.route);
                self.note_refusal(&actor, &request, caller.path, &refusal);
                Err(refusal)
            }
        }
    }
}

fn enough(has: Role, needs: Role) -> Result<(), Refusal> {
    if has >= needs {
        Ok(())
    } else {
        Err(Refusal::RoleInsufficient { has, needs })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_publisher_may_do_what_a_client_may_and_not_the_other_way_round() {
        use Role::{Client, Publisher};

        for (has, needs, good) in [
            (Client, Client, true),
            (Publisher, Client, true),
            (Publisher, Publisher, true),
            (Client, Publisher, false),
        ] {
            assert_eq!(enough(has, needs).is_ok(), good, "{has} for {needs}");
        }
    }
}
