use std::sync::{Arc, Mutex};

use aar_types::{Clock, Fingerprint};
use rustls::{
    ClientConfig,
    client::{Resumption, danger::ServerCertVerifier},
    sign::SingleCertAndKey,
    version::{TLS12, TLS13},
};

use crate::{Certificate, Error, Identity, provider, verifier::ServerVerifier};

/// The way in which a client decides whether it trusts a server.
#[derive(Debug, Clone)]
pub enum ServerTrust {
    /// The server must show one of these certificates. Names and issuer are ignored, dates are checked.
    Pinned(Vec<Fingerprint>),
    /// The server must show a certificate for its name, from an issuer that the system trusts.
    WebPki,
    /// Any server is accepted; its certificate is stored here, in order to be pinned.
    Observe(Arc<Mutex<Option<Certificate>>>),
}

/// The TLS configuration of an HTTP/1.1 client. A pinned server speaks TLS 1.3. A server known by its
/// issuer belongs to a third party, such as a bucket, and may speak TLS 1.2.
pub fn client_config(
    trust: ServerTrust,
    identity: Option<&Identity>,
    clock: Clock,
) -> Result<ClientConfig, Error> {
    let time = Arc::new(provider::Time(clock));
    let versions: &[_] = match trust {
        ServerTrust::Pinned(_) | ServerTrust::Observe(_) => &[&TLS13],
        ServerTrust::WebPki => &[&TLS13, &TLS12],
    };
    let builder = ClientConfig::builder_with_details(provider::provider(), time)
        .with_protocol_versions(versions)?
        .dangerous()
        .with_custom_certificate_verifier(verifier(trust)?);
    let mut config = match identity {
        Some(identity) => {
            let resolver = SingleCertAndKey::from(identity.certified());
            builder.with_client_cert_resolver(Arc::new(resolver))
        }
        None => builder.with_no_client_auth(),
    };
    config.resumption = Resumption::disabled();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

fn verifier(trust: ServerTrust) -> Result<Arc<dyn ServerCertVerifier>, Error> {
    Ok(match trust {
        ServerTrust::Pinned(fingerprints) => Arc::new(ServerVerifier::Pinned(fingerprints)),
        ServerTrust::Observe(slot) => Arc::new(ServerVerifier::Observe(slot)),
        ServerTrust::WebPki => Arc::new(rustls_platform_verifier::Verifier::new(
            provider::provider(),
        )?),
    })
}
