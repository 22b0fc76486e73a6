//! Verifiers of handshakes. Trust in clients is decided later, per request.

use std::sync::{Arc, Mutex, PoisonError};

use aar_types::Fingerprint;
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    pki_types::{CertificateDer, ServerName, UnixTime},
    server::danger::{ClientCertVerified, ClientCertVerifier},
};

use crate::{Certificate, Limits, pin, provider::provider, shown_certificate};

/// The methods by which both kinds of verifier check that the peer holds the key of its certificate.
macro_rules! verify_possession {
    () => {
        fn verify_tls12_signature(
            &self,
            message: &[u8],
            certificate: &CertificateDer<'_>,
            signed: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            let algorithms = &provider().signature_verification_algorithms;
            rustls::crypto::verify_tls12_signature(message, certificate, signed, algorithms)
        }

        fn verify_tls13_signature(
            &self,
            message: &[u8],
            certificate: &CertificateDer<'_>,
            signed: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            verify_possession(message, certificate, signed)
        }

        fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
            let algorithms = &provider().signature_verification_algorithms;
            algorithms.supported_schemes()
        }
    };
}

/// Only the key of a certificate counts, whatever its version and extensions: trust is decided by its
/// fingerprint.
fn verify_possession(
    message: &[u8],
    certificate: &CertificateDer<'_>,
    signed: &DigitallySignedStruct,
) -> Result<HandshakeSignatureValid, Error> {
    let certificate = Certificate::from_der(certificate);
    let certificate = certificate.map_err(|_| CertificateError::BadEncoding)?;
    let algorithms = &provider().signature_verification_algorithms;
    let key = certificate.public_key();
    rustls::crypto::verify_tls13_signature_with_raw_key(message, key, signed, algorithms)
}

#[derive(Debug)]
pub(crate) enum ServerVerifier {
    /// Accepts exactly these certificates, while they are valid.
    Pinned(Vec<Fingerprint>),
    /// Accepts any certificate and stores it.
    Observe(Arc<Mutex<Option<Certificate>>>),
}

impl ServerCertVerifier for ServerVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let shown = Certificate::from_der(end_entity).map_err(|_| CertificateError::BadEncoding)?;
        match self {
            Self::Pinned(expected) => pin::check(expected, &shown, now)?,
            Self::Observe(slot) => {
                *slot.lock().unwrap_or_else(PoisonError::into_inner) = Some(shown);
            }
        }
        Ok(ServerCertVerified::assertion())
    }

    verify_possession!();
}

/// Requests a client certificate, accepts a client without one, and ignores issuer, names and dates. Only
/// the size is limited.
#[derive(Debug)]
pub(crate) struct ClientVerifier;

impl ClientCertVerifier for ClientVerifier {
    fn client_auth_mandatory(&self) -> bool {
        false
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let chain = intermediates.iter().chain([end_entity]);
        if chain.map(|shown| shown.len()).sum::<usize>() > Limits::CERTIFICATE_BYTES {
            return Err(CertificateError::ApplicationVerificationFailure.into());
        }
        let shown = Certificate::from_der(end_entity).map_err(|_| CertificateError::BadEncoding)?;
        shown_certificate::note(&shown);
        Ok(ClientCertVerified::assertion())
    }

    verify_possession!();
}
