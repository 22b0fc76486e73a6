//! Who may do what: the only way from a request to AMS.
//!
//! AMS sits in [`Api`], and nothing but the extractors of this file takes it out. A handler that
//! works on AMS has to name [`Trusted`]; one that names [`Anyone`] gets what is meant for everybody.
//! There is no switch that turns this off.
//!
//! - Peers of the unix socket are let in by the permissions of the socket, and by who they are:
//!   root, the user that AMS runs as, and the users of `allowed-uids`.
//! - TLS peers are let in by the certificate whose key they hold, if the trust store has it and its
//!   time has come and is not over. The store is asked with every request.

use std::{fmt, sync::Arc};

use aar_daemon::UnixPeer;
use aar_tls::{Certificate, Peer, Validity};
use aar_types::{Auth, Fingerprint};
use axum::{
    extract::{ConnectInfo, FromRequestParts, MatchedPath},
    http::{Extensions, header, request::Parts},
};
use serde::{Deserialize, Serialize};
use tokio::sync::{Mutex, MutexGuard};
use tokio_util::sync::CancellationToken;

use super::{enrolment::Enrolment, error::ApiError, event_token::EventTokens};
use crate::{Ams, Error};

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

/// Who a trusted caller is. As text, `certificate:<fingerprint>` or `user:<uid>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub(super) enum Identity {
    /// The holder of a certificate.
    Certificate {
        /// Its fingerprint.
        fingerprint: Fingerprint,
    },
    /// A user of this machine.
    Local {
        /// Their number.
        uid: u32,
    },
}

/// Why a caller is not let in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refusal {
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

/// Where a request comes from.
#[derive(Debug, Clone)]
enum Caller {
    Remote(Peer),
    Local(UnixPeer),
}

/// A caller who may do everything, and AMS to do it with.
pub(super) struct Trusted {
    /// AMS.
    pub(super) ams: Ams,
    api: Api,
    identity: Identity,
}

/// Any caller.
pub(super) struct Anyone {
    api: Api,
    caller: Caller,
    route: String,
}

/// A caller who may listen to events: a trusted one, or one with a token of a trusted one.
pub(super) struct Listener {
    /// AMS.
    pub(super) ams: Ams,
    api: Api,
    identity: Identity,
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
        let may = uid == 0 || uid == self.0.own_uid || self.0.ams.allowed_uids().contains(&uid);
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

impl From<Identity> for String {
    fn from(identity: Identity) -> Self {
        match identity {
            Identity::Certificate { fingerprint } => format!("certificate:{fingerprint}"),
            Identity::Local { uid } => format!("user:{uid}"),
        }
    }
}

impl TryFrom<String> for Identity {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let identity = match text.split_once(':') {
            Some(("certificate", fingerprint)) => fingerprint
                .parse()
                .ok()
                .map(|fingerprint| Self::Certificate { fingerprint }),
            Some(("user", uid)) => uid.parse().ok().map(|uid| Self::Local { uid }),
            _ => None,
        };
        identity.ok_or("nobody can be called like this")
    }
}

impl Trusted {
    /// Cancelled when the server stops.
    pub(super) fn drain(&self) -> CancellationToken {
        self.api.0.drain.clone()
    }

    /// Held from looking at an application to changing it, so that `If-Match` means what it says.
    pub(super) async fn hold_changes(&self) -> MutexGuard<'_, ()> {
        self.api.0.changing.lock().await
    }

    /// A token with which the caller can open the events websocket without its certificate.
    pub(super) fn event_token(&self) -> Result<String, ApiError> {
        let token = self.api.0.tokens.issue(self.identity);
        token.map_err(ApiError::internal)
    }
}

impl Listener {
    /// Whether the caller, who was let in some time ago, still would be.
    pub(super) fn is_still_welcome(&self) -> bool {
        self.api.still_good(self.identity).is_ok()
    }

    /// Cancelled when the server stops.
    pub(super) fn drain(&self) -> CancellationToken {
        self.api.0.drain.clone()
    }
}

impl Anyone {
    /// Whether the caller would be let in.
    pub(super) fn standing(&self) -> Auth {
        match self.api.judge(&self.caller) {
            Ok(_) => Auth::Trusted,
            Err(_) => Auth::Untrusted,
        }
    }

    /// The certificate that the caller holds the key of.
    pub(super) fn certificate(&self) -> Option<&Certificate> {
        match &self.caller {
            Caller::Remote(peer) => peer.certificate.as_ref(),
            Caller::Local(_) => None,
        }
    }

    /// Trusts a certificate, if the caller is trusted or knows the trust password.
    pub(super) async fn enrol(
        &self,
        password: &str,
        certificate: impl FnOnce() -> Result<Certificate, ApiError>,
    ) -> Result<(Ams, Certificate), ApiError> {
        let ams = &self.api.0.ams;
        let certificate = match self.api.judge(&self.caller) {
            Ok(_) => {
                let certificate = certificate()?;
                ams.trust().add(&certificate).await?;
                certificate
            }
            Err(refusal) if password.is_empty() => return Err(self.refuse(refusal)),
            Err(refusal) => {
                self.enrol_by_password(password, certificate, refusal)
                    .await?
            }
        };
        Ok((ams.clone(), certificate))
    }

    async fn enrol_by_password(
        &self,
        password: &str,
        certificate: impl FnOnce() -> Result<Certificate, ApiError>,
        refusal: Refusal,
    ) -> Result<Certificate, ApiError> {
        let Caller::Remote(peer) = &self.caller else {
            return Err(self.refuse(refusal));
        };
        let Inner { ams, enrolment, .. } = &*self.api.0;
        if !enrolment.admits(peer.address.ip()) {
            return Err(self.refuse(Refusal::TooManyGuesses));
        }
        let certificate = certificate()?;
        let enrolled = ams.enrol(&certificate, password).await;
        if let Err(Error::WrongTrustPassword) = enrolled {
            return Err(self.refuse(Refusal::WrongPassword));
        }
        enrolment.succeeded(peer.address.ip());
        enrolled?;
        Ok(certificate)
    }

    fn refuse(&self, refusal: Refusal) -> ApiError {
        log(&self.caller, &self.route, &refusal);
        refusal.into()
    }
}

impl FromRequestParts<Api> for Anyone {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, ApiError> {
        Ok(Self {
            api: api.clone(),
            caller: Caller::of(&parts.extensions)?,
            route: route(parts),
        })
    }
}

impl FromRequestParts<Api> for Trusted {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, ApiError> {
        let anyone = Anyone::from_request_parts(parts, api).await?;
        let identity = api
            .judge(&anyone.caller)
            .map_err(|refusal| anyone.refuse(refusal))?;
        Ok(Self {
            ams: api.0.ams.clone(),
            api: api.clone(),
            identity,
        })
    }
}

impl FromRequestParts<Api> for Listener {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, ApiError> {
        let anyone = Anyone::from_request_parts(parts, api).await?;
        let holder = |token: &str| {
            let holder = api.0.tokens.holder(token).ok_or(Refusal::Token)?;
            api.still_good(holder)
        };
        let judged = match (api.judge(&anyone.caller), token(parts)) {
            (Err(_), Some(token)) => holder(&token),
            (judged, _) => judged,
        };
        let identity = judged.map_err(|refusal| anyone.refuse(refusal))?;
        Ok(Self {
            ams: api.0.ams.clone(),
            api: api.clone(),
            identity,
        })
    }
}

/// Browsers cannot set headers on a websocket, other programs need not put tokens into addresses.
fn token(parts: &Parts) -> Option<String> {
    let bearer = || {
        let value = parts.headers.get(header::AUTHORIZATION)?.to_str().ok()?;
        let (scheme, token) = value.split_once(' ')?;
        scheme
            .eq_ignore_ascii_case("bearer")
            .then(|| token.trim().to_owned())
    };
    let in_query = || {
        let query = parts.uri.query()?.as_bytes();
        let mut pairs = url::form_urlencoded::parse(query);
        let token = pairs.find(|(name, _)| name == "token");
        token.map(|(_, token)| token.into_owned())
    };
    bearer().or_else(in_query)
}

fn route(parts: &Parts) -> String {
    let path = parts.extensions.get::<MatchedPath>();
    let path = path.map_or(parts.uri.path(), MatchedPath::as_str);
    format!("{} {path}", parts.method)
}

fn log(caller: &Caller, route: &str, refusal: &Refusal) {
    let fingerprint = match caller {
        Caller::Remote(peer) => peer.fingerprint().map(|shown| shown.to_string()),
        Caller::Local(_) => None,
    };
    tracing::warn!(%caller, fingerprint, route, reason = %refusal, "refused");
}

impl Caller {
    fn of(extensions: &Extensions) -> Result<Self, ApiError> {
        let remote = extensions.get::<ConnectInfo<Peer>>();
        let local = extensions.get::<ConnectInfo<UnixPeer>>();
        match (remote, local) {
            (Some(ConnectInfo(peer)), _) => Ok(Self::Remote(peer.clone())),
            (None, Some(ConnectInfo(peer))) => Ok(Self::Local(*peer)),
            (None, None) => Err(ApiError::internal(
                "the listener did not tell who is calling",
            )),
        }
    }
}

impl fmt::Display for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Remote(peer) => peer.address.fmt(f),
            Self::Local(peer) => write!(f, "user {} on the unix socket", peer.uid),
        }
    }
}
