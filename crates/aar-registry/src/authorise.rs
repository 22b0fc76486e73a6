//! Authorisation. Only this file creates handles to the registry.
//!
//! A handle is a right: [`Reader`] reads, [`Publisher`] also writes, [`Operator`] also administers. Each
//! derefs to the one before it.

use std::{net::IpAddr, ops::Deref};

use aar_types::{Fingerprint, Role};

use crate::{Refusal, Registry, actor::Actor};

/// A caller over the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Caller<'a> {
    /// The certificate whose key the caller has proved to hold.
    pub fingerprint: Option<Fingerprint>,
    /// Without the port, which differs with every connection.
    pub address: Option<IpAddr>,
    /// A refusal is recorded with method and route.
    pub method: &'a str,
    pub route: &'a str,
    /// The target of a refusal.
    pub path: &'a str,
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

/// The right to administer the registry. Every user with write access to its files has it; the command line
/// and the maintenance of the server use it.
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
    /// The role of a certificate at this moment. A refusal is not recorded.
    pub fn role_of(&self, certificate: Option<&Fingerprint>) -> Result<Role, Refusal> {
        let fingerprint = certificate.ok_or(Refusal::NoCertificate)?;
        self.trust().role(fingerprint, self.now())
    }

    /// Requires the role of a client or publisher. A refusal is recorded.
    pub fn reader(&self, caller: &Caller<'_>) -> Result<Reader, Refusal> {
        self.authorise(caller, Role::Client)
    }

    /// Requires the role of a publisher. A refusal is recorded.
    pub fn publisher(&self, caller: &Caller<'_>) -> Result<Publisher, Refusal> {
        self.authorise(caller, Role::Publisher).map(Publisher)
    }

    /// The handle of a program on the host of the registry, never for callers over the network. Its actions
    /// are recorded under `name`.
    pub fn operator(&self, name: &str) -> Operator {
        let reader = Reader {
            registry: self.clone(),
            actor: Actor::Operator(name.to_owned()),
        };
        Operator(Publisher(reader))
    }

    fn authorise(&self, caller: &Caller<'_>, needs: Role) -> Result<Reader, Refusal> {
        let role = self.role_of(caller.fingerprint.as_ref());
        let granted = role.and_then(|has| check_role(has, needs));
        let actor = Actor::Caller {
            fingerprint: caller.fingerprint,
            role: role.ok(),
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
                self.inner.refused.count(refusal.code());
                Err(refusal)
            }
        }
    }
}

fn check_role(has: Role, needs: Role) -> Result<(), Refusal> {
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
    fn publisher_may_do_what_a_client_may_but_not_the_other_way_round() {
        use Role::{Client, Publisher};

        for (has, needs, granted) in [
            (Client, Client, true),
            (Publisher, Client, true),
            (Publisher, Publisher, true),
            (Client, Publisher, false),
        ] {
            assert_eq!(check_role(has, needs).is_ok(), granted, "{has} for {needs}");
        }
    }
}
