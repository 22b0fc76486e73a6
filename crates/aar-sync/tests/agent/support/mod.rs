//! Both sides in memory: a registry over real TLS, and a local catalogue whose images are files.

pub(crate) mod catalogue;
pub(crate) mod interleaving;
pub(crate) mod registry;
pub(crate) mod setup;

pub(crate) use catalogue::TestCatalogue;
pub(crate) use registry::FakeRegistry;
pub(crate) use setup::{Setup, config};

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Waker},
    time::Duration,
};

use aar_testkit::Generated;
use aar_tls::{Identity, NewIdentity};
use aar_types::{ApplicationName, Digest, Fingerprint, ImageInfo};
use jiff::Timestamp;
use sha2::{Digest as _, Sha256};

pub(crate) fn identity(name: &str) -> Identity {
    let day = |text: &str| text.parse::<Timestamp>().unwrap();
    Identity::generate(&NewIdentity {
        common_name: name.to_owned(),
        hosts: vec!["127.0.0.1".to_owned()],
        not_before: day("2020-01-01T00:00:00Z"),
        not_after: day("2120-01-01T00:00:00Z"),
    })
    .unwrap()
}

pub(crate) fn name(text: &str) -> ApplicationName {
    text.parse().unwrap()
}

/// Content that is unique to its label. An image from 5 KiB on, which is the least that an image may have.
pub(crate) fn content(label: &str, length: usize) -> Vec<u8> {
    let seed = Sha256::digest(label);
    if length < 5 << 10 {
        return seed.iter().copied().cycle().take(length).collect();
    }
    let image = Generated {
        size: length as u64,
        seed: u64::from_le_bytes(seed[..8].try_into().unwrap()),
    };
    image.bytes()
}

pub(crate) fn image(content: &[u8]) -> ImageInfo {
    let digest: [u8; 32] = Sha256::digest(content).into();
    ImageInfo {
        fingerprint: fingerprint(content),
        digest: Digest::from_bytes(digest),
        size: content.len() as u64,
    }
}

/// The fingerprint of an image, or a value that stands for it.
pub(crate) fn fingerprint(content: &[u8]) -> Fingerprint {
    let size = content.len() as u64;
    if let Ok(checked) = aar_package::check_image(content, size, &aar_package::Limits::DEFAULT) {
        return checked.fingerprint;
    }
    let inside = Sha256::new_with_prefix("inside").chain_update(content);
    Fingerprint::from_bytes(inside.finalize().into())
}

/// Polls a request once, so that it has been sent when this returns.
pub(crate) fn requested<F: Future>(request: F) -> Pin<Box<F>> {
    let mut request = Box::pin(request);
    let mut context = Context::from_waker(Waker::noop());
    assert!(request.as_mut().poll(&mut context).is_pending());
    request
}

/// Waits until a condition holds, for up to ten seconds.
pub(crate) async fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let holds = async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    within(what, Duration::from_secs(10), holds).await;
}

pub(crate) async fn within<T>(what: &str, limit: Duration, work: impl Future<Output = T>) -> T {
    let done = tokio::time::timeout(limit, work).await;
    done.unwrap_or_else(|_| panic!("{what}: not within {limit:?}"))
}
