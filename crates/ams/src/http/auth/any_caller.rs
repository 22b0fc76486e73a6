use aar_tls::Certificate;
use aar_types::Auth;
use axum::{
    body::Body,
    extract::{FromRequestParts, MatchedPath},
    http::request::Parts,
};

use serde::de::DeserializeOwned;

use super::{AppState, Caller, Refusal, StateInner};
use crate::{
    Ams, Error,
    http::{
        body::{MAX_BODY, MAX_UNKNOWN_BODY, read_json},
        error::ApiError,
    },
};

/// Any caller, authorised or not.
pub(in crate::http) struct AnyCaller {
    state: AppState,
    pub(super) caller: Caller,
    route: String,
}

impl AnyCaller {
    /// Whether the caller is authorised.
    pub(in crate::http) fn auth(&self) -> Auth {
        match self.state.authorise(&self.caller) {
            Ok(_) => Auth::Trusted,
            Err(_) => Auth::Untrusted,
        }
    }

    /// Reads a JSON body, a small one if the caller is not authorised.
    pub(in crate::http) async fn read_json<T: DeserializeOwned>(
        &self,
        body: Body,
    ) -> Result<T, ApiError> {
        let limit = match self.auth() {
            Auth::Trusted => MAX_BODY,
            Auth::Untrusted => MAX_UNKNOWN_BODY,
        };
        read_json(body, limit).await
    }

    /// The certificate whose key the caller holds.
    pub(in crate::http) fn certificate(&self) -> Option<&Certificate> {
        match &self.caller {
            Caller::Remote(peer) => peer.certificate.as_ref(),
            Caller::Local(_) => None,
        }
    }

    /// Trusts a certificate if the caller is trusted or knows the trust password.
    pub(in crate::http) async fn enrol(
        &self,
        password: &str,
        certificate: impl FnOnce() -> Result<Certificate, ApiError>,
    ) -> Result<(Ams, Certificate), ApiError> {
        let ams = &self.state.0.ams;
        let certificate = match self.state.authorise(&self.caller) {
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
        let StateInner { ams, enrolment, .. } = &*self.state.0;
        if let Err(wait) = enrolment.admit(peer.address.ip()) {
            return Err(self.refuse(Refusal::too_many_attempts(wait)));
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

    /// Logs a refusal and returns it as an error.
    pub(super) fn refuse(&self, refusal: Refusal) -> ApiError {
        self.caller.log_refusal(&self.route, &refusal);
        refusal.into()
    }
}

impl FromRequestParts<AppState> for AnyCaller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, ApiError> {
        Ok(Self {
            state: state.clone(),
            caller: Caller::of(&parts.extensions)?,
            route: route(parts),
        })
    }
}

fn route(parts: &Parts) -> String {
    let path = parts.extensions.get::<MatchedPath>();
    let path = path.map_or(parts.uri.path(), MatchedPath::as_str);
    format!("{} {path}", parts.method)
}
