use std::{error::Error as StdError, io, sync::Arc};

use aar_types::Fingerprint;
use jiff::Timestamp;
use rustls::{
    CertificateError, DigitallySignedStruct, Error, OtherError, SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    pki_types::{CertificateDer, ServerName, UnixTime},
};

use crate::{Certificate, Validity, provider};

/// The server shows another certificate than the one it is known by.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "the server shows the certificate {shown}, but {} is expected",
    list(expected)
)]
pub struct PinMismatch {
    /// The certificates that would have been accepted.
    pub expected: Vec<Fingerprint>,
    /// The certificate that was shown.
    pub shown: Fingerprint,
}

impl PinMismatch {
    /// Finds it in the causes of an error, such as one of an HTTP client.
    pub fn find<'a>(error: &'a (dyn StdError + 'static)) -> Option<&'a Self> {
        let mut next = Some(error);
        while let Some(error) = next {
            if let Some(found) = Self::within(error) {
                return Some(found);
            }
            next = inner(error).or_else(|| error.source());
        }
        None
    }

    fn within<'a>(error: &'a (dyn StdError + 'static)) -> Option<&'a Self> {
        let tls = error.downcast_ref::<Error>().and_then(|tls| match tls {
            Error::InvalidCertificate(CertificateError::Other(other)) => Some(&*other.0),
            _ => None,
        });
        match tls {
            Some(cause) => cause.downcast_ref(),
            None => error.downcast_ref(),
        }
    }
}

/// `io::Error::source` skips the error it wraps and names that one's source.
fn inner<'a>(error: &'a (dyn StdError + 'static)) -> Option<&'a (dyn StdError + 'static)> {
    let wrapped = error.downcast_ref::<io::Error>()?.get_ref()?;
    Some(wrapped)
}

fn list(fingerprints: &[Fingerprint]) -> String {
    let names: Vec<_> = fingerprints.iter().map(ToString::to_string).collect();
    names.join(" or ")
}

/// Accepts exactly the certificates with the given fingerprints while they are within their time.
#[derive(Debug)]
pub(crate) struct Pinned(pub(crate) Vec<Fingerprint>);

impl Pinned {
    fn check(&self, shown: &Certificate, now: UnixTime) -> Result<(), Error> {
        if !self.0.contains(&shown.fingerprint()) {
            return Err(self.mismatch(shown));
        }
        let now = i64::try_from(now.as_secs()).map_or(Timestamp::MAX, |seconds| {
            Timestamp::from_second(seconds).unwrap_or(Timestamp::MAX)
        });
        match shown.validity_at(now) {
            Validity::Valid => Ok(()),
            Validity::NotYetValid => Err(CertificateError::NotValidYet.into()),
            Validity::Expired => Err(CertificateError::Expired.into()),
        }
    }

    fn mismatch(&self, shown: &Certificate) -> Error {
        let mismatch = PinMismatch {
            expected: self.0.clone(),
            shown: shown.fingerprint(),
        };
        CertificateError::Other(OtherError(Arc::new(mismatch))).into()
    }
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let shown = Certificate::from_der(end_entity).map_err(|_| CertificateError::BadEncoding)?;
        self.check(&shown, now)?;
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(provider::tls12_refused())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        provider::verify_possession(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        provider::signature_schemes()
    }
}
