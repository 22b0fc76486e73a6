//! Authorisation: a handler reaches AMS only through the extractors of this folder.
//!
//! [`AppState`] keeps AMS private. A handler that works on AMS must extract [`TrustedCaller`];
//! [`AnyCaller`] offers only what is public. There is no switch that disables the check.
//!
//! - On the Unix socket, the permissions of the socket apply, and root, the user of AMS, the users of
//!   `allowed-uids` and the members of `socket-group` are authorised.
//! - Over TLS, callers are authorised whose certificate is valid and in the trust store. Each request is
//!   checked.

mod any_caller;
mod caller;
mod event_subscriber;
mod trusted_caller;

use std::sync::Arc;

use aar_daemon::{IsKnown, UnixPeer};
use aar_tls::{Certificate, Peer, Validity};
use axum::http::Extensions;
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;

use super::{
    caller_id::CallerId, enrolment::EnrolmentLimiter, event_token::EventTokens, refusal::Refusal,
};
use crate::{Ams, socket_group::SocketGroup};
use caller::Caller;

pub(super) use any_caller::AnyCaller;
pub(super) use event_subscriber::EventSubscriber;
pub(super) use trusted_caller::TrustedCaller;

/// The state that all handlers share.
#[derive(Clone)]
pub(super) struct AppState(Arc<StateInner>);

struct StateInner {
    ams: Ams,
    own_uid: u32,
    socket_group: Option<SocketGroup>,
    tokens: EventTokens,
    enrolment: EnrolmentLimiter,
    drain: CancellationToken,
    changes: Mutex<()>,
}

impl AppState {
    /// Websockets are closed when `drain` is cancelled.
    pub(super) fn new(ams: Ams, drain: CancellationToken) -> std::io::Result<Self> {
        let clock = ams.clock().clone();
        let socket_group = SocketGroup::or_default(ams.settings().socket_group.as_ref());
        Ok(Self(Arc::new(StateInner {
            ams,
            own_uid: rustix::process::geteuid().as_raw(),
            socket_group,
            tokens: EventTokens::new(clock.clone())?,
            enrolment: EnrolmentLimiter::new(clock),
            drain,
            changes: Mutex::new(()),
        })))
    }

    /// The current limit of requests per second.
    pub(super) fn max_requests_per_second(&self) -> u32 {
        self.0.ams.config().current().max_requests_per_second()
    }

    /// Peers are known that are authorised.
    pub(super) fn known_peers(&self) -> IsKnown<Peer> {
        let state = self.clone();
        Arc::new(move |peer| {
            let shown = peer.certificate.as_ref();
            shown.is_some_and(|shown| state.authorise_certificate(shown).is_ok())
        })
    }

    /// The same for the Unix socket.
    pub(super) fn known_users(&self) -> IsKnown<UnixPeer> {
        let state = self.clone();
        Arc::new(move |peer| state.authorise_user(peer.uid).is_ok())
    }

    /// Whether the caller in the extensions of a request is authorised.
    pub(super) fn is_known(&self, extensions: &Extensions) -> bool {
        let caller = Caller::of(extensions);
        caller.is_ok_and(|caller| self.authorise(&caller).is_ok())
    }

    fn authorise(&self, caller: &Caller) -> Result<CallerId, Refusal> {
        match caller {
            Caller::Local(peer) => self.authorise_user(peer.uid),
            Caller::Remote(peer) => {
                let shown = peer.certificate.as_ref().ok_or(Refusal::NoCertificate)?;
                self.authorise_certificate(shown)
            }
        }
    }

    fn authorise_user(&self, uid: u32) -> Result<CallerId, Refusal> {
        let is_in_group = || {
            let group = self.0.socket_group.as_ref();
            group.is_some_and(|group| group.has_member(uid))
        };
        let is_allowed = uid == 0
            || uid == self.0.own_uid
            || self.0.ams.settings().allowed_uids.contains(&uid)
            || is_in_group();
        is_allowed
            .then_some(CallerId::Local { uid })
            .ok_or(Refusal::User(uid))
    }

    fn authorise_certificate(&self, shown: &Certificate) -> Result<CallerId, Refusal> {
        let fingerprint = shown.fingerprint();
        if !self.0.ams.trust().contains(&fingerprint) {
            return Err(Refusal::Unknown(fingerprint));
        }
        match shown.validity_at(self.0.ams.clock().now()) {
            Validity::Valid => Ok(CallerId::Certificate { fingerprint }),
            Validity::Expired => Err(Refusal::Expired(fingerprint)),
            Validity::NotYetValid => Err(Refusal::NotYetValid(fingerprint)),
        }
    }

    /// Authorises a caller again that was authorised before.
    fn reauthorise(&self, id: CallerId) -> Result<CallerId, Refusal> {
        match id {
            CallerId::Local { uid } => self.authorise_user(uid),
            CallerId::Certificate { fingerprint } => {
                let known = self.0.ams.trust().find(&fingerprint.into());
                let known = known.ok().flatten();
                self.authorise_certificate(&known.ok_or(Refusal::Unknown(fingerprint))?)
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
    async fn only_root_own_and_allowed_users_are_authorised() {
        let folder = aar_testkit::Folder::new("ams-auth");
        let settings = Settings {
            allowed_uids: vec![12345],
            ..Settings::default()
        };
        let ams = Ams::open(folder.path(), settings, Clock::system())
            .await
            .unwrap();
        let state = AppState::new(ams, CancellationToken::new()).unwrap();
        let own = rustix::process::geteuid().as_raw();
        for uid in [0, own, 12345] {
            assert!(state.authorise_user(uid).is_ok(), "{uid}");
        }
        assert_eq!(
            state.authorise_user(12346).unwrap_err(),
            Refusal::User(12346)
        );
    }
}
