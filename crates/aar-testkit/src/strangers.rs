use std::{sync::Arc, time::Duration};

use aar_tls::{ServerTrust, client_config};
use aar_types::{Clock, Fingerprint};
use tokio::{io::AsyncWriteExt, net::TcpStream, time::timeout};
use tokio_rustls::{TlsConnector, client::TlsStream, rustls::pki_types::ServerName};

use crate::http::run;

/// The time in which a server takes what a stranger sends, if it takes it at all.
const SENDING: Duration = Duration::from_millis(5);

/// Open connections of peers without a certificate, which never read a response.
#[derive(Debug)]
pub struct Strangers {
    address: String,
    fingerprint: Fingerprint,
    silent: Vec<TcpStream>,
    sending: Vec<TlsStream<TcpStream>>,
}

impl Strangers {
    /// Peers of a server at this address, which shows a certificate with this fingerprint.
    pub fn of(address: &str, fingerprint: Fingerprint) -> Self {
        Self {
            address: address.to_owned(),
            fingerprint,
            silent: Vec::new(),
            sending: Vec::new(),
        }
    }

    /// Adds a connection on which nothing is sent.
    pub fn connect(&mut self) {
        let stream = run(TcpStream::connect(self.address.clone()));
        self.silent.push(stream.unwrap());
    }

    /// Adds a connection on which these bytes are sent. The server may end it at any time.
    pub fn send(&mut self, bytes: &[u8]) {
        let sent = run(connect_and_send(&self.address, self.fingerprint, bytes));
        self.sending.extend(sent);
    }
}

async fn connect_and_send(
    address: &str,
    fingerprint: Fingerprint,
    bytes: &[u8],
) -> Option<TlsStream<TcpStream>> {
    let trust = ServerTrust::Pinned(vec![fingerprint]);
    let config = client_config(trust, None, Clock::system()).unwrap();
    let tcp = TcpStream::connect(address).await.ok()?;
    let name = ServerName::try_from("localhost").unwrap();
    let connecting = TlsConnector::from(Arc::new(config)).connect(name, tcp);
    let mut tls = connecting.await.ok()?;
    let _ended = timeout(SENDING, tls.write_all(bytes)).await;
    Some(tls)
}
