//! The certificate that a peer has shown in a handshake, also when the handshake fails.

use std::{cell::Cell, future::Future};

use aar_types::Fingerprint;

use crate::Certificate;

tokio::task_local! {
    static SHOWN: Cell<Option<Fingerprint>>;
}

/// Runs a handshake. The fingerprint is known once the verifier has seen a certificate.
pub(crate) async fn during<T>(handshake: impl Future<Output = T>) -> (T, Option<Fingerprint>) {
    let noted = async { (handshake.await, SHOWN.with(Cell::get)) };
    SHOWN.scope(Cell::new(None), noted).await
}

/// Notes the certificate for the handshake that this task runs.
pub(crate) fn note(certificate: &Certificate) {
    // Verifiers are used in tests without a handshake, too.
    let _outside = SHOWN.try_with(|shown| shown.set(Some(certificate.fingerprint())));
}
