//! An AMS that is connected to a registry.

use aar_testkit::TestRegistry;
use aar_tls::Certificate;
use tokio::task::block_in_place;

use crate::running_ams::RunningAms;

/// Configures AMS for the registry, in manual mode, and trusts both certificates. The URL may be that of a
/// proxy.
pub(crate) async fn connect_to_registry(ams: &RunningAms, registry: &TestRegistry, url: &str) {
    let certificate = ams.path("registry/client.crt");
    block_in_place(|| registry.trust(&certificate, "publisher"));
    let pem = fs_err::read_to_string(registry.certificate()).unwrap();
    let certificate = Certificate::from_pem(&pem).unwrap();
    ams.ams.trust().add(&certificate).await.unwrap();
    for (name, value) in [
        ("registry.mode", "manual"),
        ("registry.url", url),
        ("registry.fingerprint", &registry.fingerprint()),
    ] {
        ams.ams.config().set(name, value).await.unwrap();
    }
}
