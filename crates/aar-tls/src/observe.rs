use std::{
    io,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use aar_types::Clock;
use rustls::pki_types::ServerName;
use tokio::{net::TcpStream, time::timeout};
use tokio_rustls::TlsConnector;

use crate::{Certificate, Error, ServerTrust, client_config};

const TIME_LIMIT: Duration = Duration::from_secs(15);

/// Connects without a client certificate and returns the certificate of the server. The server holds
/// its key; the caller decides whether it is the right server.
pub async fn observe_certificate(host: &str, port: u16) -> Result<Certificate, Error> {
    let observed = timeout(TIME_LIMIT, observe(host, port)).await;
    let observed = observed.unwrap_or_else(|_| {
        let cause = io::Error::new(io::ErrorKind::TimedOut, "no response within 15 seconds");
        Err(cause.into())
    });
    observed.map_err(|error| match error {
        Error::Io(source) => Error::Connect {
            host: host.to_owned(),
            port,
            source,
        },
        other => other,
    })
}

async fn observe(host: &str, port: u16) -> Result<Certificate, Error> {
    let slot = Arc::new(Mutex::new(None));
    let trust = ServerTrust::Observe(Arc::clone(&slot));
    let config = client_config(trust, None, Clock::system())?;
    let name = ServerName::try_from(host.to_owned())
        .map_err(|e| io::Error::new(io::ErrorKind::InvalidInput, e))?;
    let tcp = TcpStream::connect((host, port)).await?;
    let connector = TlsConnector::from(Arc::new(config));
    connector.connect(name, tcp).await?;
    let shown = slot.lock().unwrap_or_else(PoisonError::into_inner).take();
    shown.ok_or_else(|| io::Error::other("the server shows no certificate").into())
}
