//! The client certificate that AMS shows to the registry.

use std::path::Path;

use aar_tls::{Identity, NewIdentity, host_names};
use aar_types::Clock;
use jiff::SignedDuration;

use crate::Error;

const LIFETIME: SignedDuration = SignedDuration::from_hours(24 * 365 * 10);
/// The clock of the registry may be behind.
const LEEWAY: SignedDuration = SignedDuration::from_hours(24);

/// Loads the certificate and its key, or creates them at the first start.
pub(crate) fn open(folder: &Path, clock: &Clock) -> Result<Identity, Error> {
    aar_fs::create_private_folder(folder)?;
    let now = clock.now();
    let hosts = host_names(None);
    let new = NewIdentity {
        common_name: hosts.first().cloned().unwrap_or_else(|| "ams".to_owned()),
        hosts,
        not_before: now.saturating_sub(LEEWAY).unwrap_or(now),
        not_after: now.saturating_add(LIFETIME).unwrap_or(now),
    };
    let (cert, key) = (folder.join("client.crt"), folder.join("client.key"));
    let (identity, created) = Identity::load_or_create(&cert, &key, &new)?;
    if created {
        let fingerprint = identity.certificate().fingerprint();
        tracing::info!(%fingerprint, path = %cert.display(), "created the client certificate for the registry");
    }
    Ok(identity)
}
