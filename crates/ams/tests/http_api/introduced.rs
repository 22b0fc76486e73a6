//! An AMS and a registry that know each other.

use aar_testkit::TestRegistry;
use aar_tls::Certificate;
use tokio::task::block_in_place;

use crate::running::Running;

/// Introduces them, in manual mode. The address may be one that leads there by a detour.
pub(crate) async fn introduce(ams: &Running, registry: &TestRegistry, url: &str) {
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
