//! Certificates of AMS: the one that it shows to its clients, and the one that it shows to the
//! registry.

use std::path::Path;

use aar_tls::{Identity, NewIdentity};
use aar_types::Clock;
use jiff::SignedDuration;

use crate::Error;

const LIFETIME: SignedDuration = SignedDuration::from_hours(24 * 365 * 10);
/// The clock of the other side may be behind.
const LEEWAY: SignedDuration = SignedDuration::from_hours(24);

/// Loads `NAME.crt` and `NAME.key` from the folder, or creates them at the first start.
pub fn load_or_create(
    folder: &Path,
    name: &str,
    common_name: String,
    hosts: Vec<String>,
    clock: &Clock,
) -> Result<Identity, Error> {
    aar_fs::create_private_folder(folder)?;
    let now = clock.now();
    let new = NewIdentity {
        common_name,
        hosts,
        not_before: now.saturating_sub(LEEWAY).unwrap_or(now),
        not_after: now.saturating_add(LIFETIME).unwrap_or(now),
    };
    let path = folder.join(name);
    let (certificate, key) = (path.with_extension("crt"), path.with_extension("key"));
    let (identity, created) = Identity::load_or_create(&certificate, &key, &new)?;
    let fingerprint = identity.certificate().fingerprint();
    tracing::info!(%fingerprint, created, path = %certificate.display(), "loaded a certificate");
    Ok(identity)
}
