use std::{
    io,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use aar_types::Clock;
use rustls::{
    CertificateError, DigitallySignedStruct, Error as TlsError, SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    pki_types::{CertificateDer, ServerName, UnixTime},
};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::{Certificate, Error, ServerTrust, client_config, provider};

const TIME_LIMIT: Duration = Duration::from_secs(15);

/// Connects without a client certificate and returns the certificate that the server shows. The
/// server holds its key; whether it is the right server is for the caller to find out.
pub async fn observe_certificate(host: &str, port: u16) -> Result<Certificate, Error> {
    let look = tokio::time::timeout(TIME_LIMIT, look(host, port));
    let shown = look.await.unwrap_or_else(|_| {
        let cause = io::Error::new(io::ErrorKind::TimedOut, "no answer within 15 seconds");
        Err(cause.into())
    });
    shown.map_err(|error| match error {
        Error::Io(source) => Error::Connect {
            host: host.to_owned(),
            port,
            source,
        },
        other => other,
    })
}

async fn look(host: &str, port: u16) -> Result<Certificate, Error> {
    let seen = Arc::new(Mutex::new(None));
    let trust = ServerTrust::Observe(Arc::clone(&seen));
    let config = client_config(trust, None, Clock::system())?;
    let name = ServerName::try_from(host.to_owned())
        .map_err(|e| io::Error::new(io::ErrorKind::InvalidInput, e))?;
    let tcp = TcpStream::connect((host, port)).await?;
    TlsConnector::from(Arc::new(config))
        .connect(name, tcp)
        .await?;
    let shown = seen.lock().unwrap_or_else(PoisonError::into_inner).take();
    shown.ok_or_else(|| io::Error::other("the server shows no certificate").into())
}

/// Accepts any server whose key fits its certificate, and keeps that certificate.
#[derive(Debug)]
pub(crate) struct Observer(pub(crate) Arc<Mutex<Option<Certificate>>>);

impl ServerCertVerifier for Observer {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, TlsError> {
        let shown = Certificate::from_der(end_entity).map_err(|_| CertificateError::BadEncoding)?;
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(shown);
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        Err(provider::tls12_refused())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        provider::verify_possession(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        provider::signature_schemes()
    }
}
