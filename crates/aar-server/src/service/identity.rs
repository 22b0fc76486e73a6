use std::{net::IpAddr, path::Path};

use aar_tls::{Certificate, Identity, NewIdentity, Validity, host_names};
use aar_types::Clock;
use jiff::{SignedDuration, Timestamp};
use tracing::{info, warn};

use super::Error;

/// Subclusters pin the certificate, and a new one has to be distributed by hand.
const VALIDITY: SignedDuration = SignedDuration::from_hours(10 * 365 * 24);
/// The clocks of clients may be slow.
const CLOCK_SKEW: SignedDuration = SignedDuration::from_hours(24);
/// The time before the expiry from which the log warns.
const WARNING_PERIOD: SignedDuration = SignedDuration::from_hours(30 * 24);

/// The certificate of the service and its key, `certs/server.crt` and `certs/server.key`. The first start
/// creates them.
pub(super) fn load(base: &Path, listen: IpAddr, clock: &Clock) -> Result<Identity, Error> {
    let certs = base.join("certs");
    aar_fs::create_private_folder(&certs)?;
    let new = describe(listen, clock.now());
    let (cert, key) = (certs.join("server.crt"), certs.join("server.key"));
    let (identity, created) = Identity::load_or_create(&cert, &key, &new)?;
    let certificate = identity.certificate();
    if created {
        info!(path = %cert.display(), fingerprint = %certificate.fingerprint(), "certificate created");
    }
    warn_of_expiry(certificate, clock.now());
    Ok(identity)
}

fn describe(listen: IpAddr, now: Timestamp) -> NewIdentity {
    let hosts = host_names(Some(listen));
    NewIdentity {
        common_name: hosts.first().cloned().unwrap_or_else(|| "aar".to_owned()),
        hosts,
        not_before: now.saturating_sub(CLOCK_SKEW).unwrap_or(now),
        not_after: now.saturating_add(VALIDITY).unwrap_or(Timestamp::MAX),
    }
}

fn warn_of_expiry(certificate: &Certificate, now: Timestamp) {
    if let Some(warning) = expiry_warning(certificate, now) {
        warn!(fingerprint = %certificate.fingerprint(), "{warning}");
    }
}

fn expiry_warning(certificate: &Certificate, now: Timestamp) -> Option<String> {
    let soon = now.saturating_add(WARNING_PERIOD).unwrap_or(now);
    let date = certificate.not_after().strftime("%Y-%m-%d");
    if certificate.validity_at(now) == Validity::Expired {
        Some(format!(
            "the certificate of the registry expired on {date}: every client refuses it; replace it"
        ))
    } else if certificate.validity_at(soon) == Validity::Expired {
        Some(format!(
            "the certificate of the registry expires on {date}: replace it before, or every client \
             refuses it"
        ))
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn certificate_that_has_expired_is_not_said_to_expire_soon() {
        let now = "2026-12-01T00:00:00Z".parse().unwrap();
        let identity = Identity::generate(&describe("127.0.0.1".parse().unwrap(), now)).unwrap();
        let warning = |days: i64| {
            let end = identity.certificate().not_after();
            let at = end + SignedDuration::from_hours(24 * days);
            expiry_warning(identity.certificate(), at).unwrap_or_default()
        };
        assert!(
            warning(1).contains("expired on 2036-11-28"),
            "{}",
            warning(1)
        );
        assert!(
            warning(-1).contains("expires on 2036-11-28"),
            "{}",
            warning(-1)
        );
        assert_eq!(warning(-31), "");
    }

    #[test]
    fn first_start_creates_a_ten_year_certificate_and_later_ones_keep_it() {
        let base = tempfile::tempdir_in(env!("CARGO_MANIFEST_DIR")).unwrap();
        let (listen, clock) = ("127.0.0.1".parse().unwrap(), Clock::system());
        let first = load(base.path(), listen, &clock).unwrap();
        let mode = |path: &str| {
            let path = base.path().join(path);
            fs_err::metadata(path).unwrap().permissions().mode() & 0o777
        };
        assert_eq!(mode("certs"), 0o700);
        assert_eq!(mode("certs/server.key"), 0o600);
        let nine_years = clock.now() + SignedDuration::from_hours(9 * 365 * 24);
        assert_eq!(first.certificate().validity_at(nine_years), Validity::Valid);
        let second = load(base.path(), listen, &clock).unwrap();
        assert_eq!(second.certificate(), first.certificate());
    }
}
