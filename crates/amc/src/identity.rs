use std::path::Path;

use aar_tls::{Identity, NewIdentity};
use aar_types::Clock;
use jiff::{SignedDuration, Timestamp};

/// Ten years.
const VALIDITY: SignedDuration = SignedDuration::from_hours(10 * 365 * 24);
/// The clocks of other machines may be behind.
const CLOCK_TOLERANCE: SignedDuration = SignedDuration::from_hours(24);

pub(crate) const CERTIFICATE: &str = "client/client.crt";
const KEY: &str = "client/client.key";

/// The certificate and key that this client shows to remotes, created on first use.
pub(crate) fn load_or_create(folder: &Path, clock: &Clock) -> anyhow::Result<Identity> {
    let (certificate, key) = (folder.join(CERTIFICATE), folder.join(KEY));
    let (identity, _) = Identity::load_or_create(&certificate, &key, &new(clock.now()))?;
    Ok(identity)
}

fn new(now: Timestamp) -> NewIdentity {
    let user = std::env::var("USER").unwrap_or_else(|_| "amc".to_owned());
    let host = aar_tls::host_names(None).into_iter().next();
    NewIdentity {
        common_name: format!("{user}@{}", host.as_deref().unwrap_or("localhost")),
        hosts: Vec::new(),
        not_before: now.saturating_sub(CLOCK_TOLERANCE).unwrap_or(now),
        not_after: now.saturating_add(VALIDITY).unwrap_or(now),
    }
}
