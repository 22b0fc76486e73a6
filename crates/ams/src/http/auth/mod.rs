//! Who may do what: the only way from a request to AMS.
//!
//! AMS sits in [`Api`], and nothing but the extractors of this folder takes it out. A handler that
//! works on AMS has to name [`Trusted`]; one that names [`Anyone`] gets what is meant for everybody.
//! There is no switch that turns this off.
//!
//! - Peers of the unix socket are let in by the permissions of the socket, and by who they are:
//!   root, the user that AMS runs as, and the users of `allowed-uids`.
//! - TLS peers are let in by the certificate whose key they hold, if the trust store has it and its
//!   time has come and is not over. The store is asked with every request.

mod anyone;
mod caller;
pub(super) mod identity;
mod listener;
pub(super) mod refusal;
mod trusted;

use std::sync::Arc;

use aar_tls::{Certificate, Validity};
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;

use super::{enrolment::Enrolment, event_token::EventTokens};
use crate::Ams;
use caller::Caller;

pub(super) use anyone::Anyone;
pub(super) use identity::Identity;
pub(super) use listener::Listener;
use refusal::Refusal;
pub(super) use trusted::Trusted;

/// What the handlers share.
#[derive(Clone)]
pub(super) struct Api(Arc<Inner>);

struct Inner {
    ams: Ams,
    own_uid: u32,
    tokens: EventTokens,
    enrolment: Enrolment,
    drain: CancellationToken,
    changing: Mutex<()>,
}

impl Api {
    /// Puts AMS behind its door. When `drain` is cancelled, websockets are closed.
    pub(super) fn new(ams: Ams, drain: CancellationToken) -> std::io::Result<Self> {
        let clock = ams.clock().clone();
        Ok(Self(Arc::new(Inner {
            ams,
            own_uid: rustix::process::geteuid().as_raw(),
            tokens: EventTokens::new(clock.clone())?,
            enrolment: Enrolment::new(clock),
            drain,
            changing: Mutex::new(()),
        })))
    }

    /// How many requests a second are admitted at present.
    pub(super) fn max_requests_per_second(&self) -> u32 {
        self.0.ams.config().current().max_requests_per_second()
    }

    fn judge(&self, caller: &Caller) -> Result<Identity, Refusal> {
        match caller {
            Caller::Local(peer) => self.judge_user(peer.uid),
            Caller::Remote(peer) => {
                let shown = peer.certificate.as_ref().ok_or(Refusal::NoCertificate)?;
                self.judge_certificate(shown)
            }
        }
    }

    fn judge_user(&self, uid: u32) -> Result<Identity, Refusal> {
        let may =
            uid == 0 || uid == self.0.own_uid || self.0.ams.settings().allowed_uids.contains(&uid);
        may.then_some(Identity::Local { uid })
            .ok_or(Refusal::User(uid))
    }

    fn judge_certificate(&self, shown: &Certificate) -> Result<Identity, Refusal> {
        let fingerprint = shown.fingerprint();
        if !self.0.ams.trust().contains(&fingerprint) {
            return Err(Refusal::Unknown(fingerprint));
        }
        match shown.validity_at(self.0.ams.clock().now()) {
            Validity::Valid => Ok(Identity::Certificate { fingerprint }),
            Validity::Expired => Err(Refusal::Expired(fingerprint)),
            Validity::NotYetValid => Err(Refusal::NotYetValid(fingerprint)),
        }
    }

    /// Whether somebody who was let in before still would be.
    fn still_good(&self, identity: Identity) -> Result<Identity, Refusal> {
        match identity {
            Identity::Local { uid } => self.judge_user(uid),
            Identity::Certificate { fingerprint } => {
                let known = self.0.ams.trust().find(&fingerprint.into());
                let known = known.ok().flatten();
                self.judge_certificate(&known.ok_or(Refusal::Unknown(fingerprint))?)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use aar_types::Clock;

    use super::*;
    use crate::Settings;

    #[tokio::test]
    async fn of_the_users_of_this_machine_only_those_who_may_are_let_in() {
        let folder = aar_testkit::Folder::new("ams-auth");
        let settings = Settings {
            allowed_uids: vec![12345],
            ..Settings::default()
        };
        let ams = Ams::open(folder.path(), settings, Clock::system())
            .await
            .unwrap();
        let api = Api::new(ams, CancellationToken::new()).unwrap();
        let own = rustix::process::geteuid().as_raw();
        for uid in [0, own, 12345] {
            assert!(api.judge_user(uid).is_ok(), "{uid}");
        }
        assert_eq!(api.judge_user(12346).unwrap_err(), Refusal::User(12346));
    }
}
