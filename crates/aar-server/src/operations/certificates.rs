use std::sync::atomic::AtomicU64;

use aar_registry::Registry;
use aar_tls::{Certificate, NO_EXPIRY};
use aar_types::{Medium, TrustState, printable};
use jiff::Timestamp;
use prometheus_client::{
    metrics::{
        family::Family,
        gauge::{ConstGauge, Gauge},
    },
    registry::Registry as Exposition,
};

const SECONDS_PER_DAY: f64 = 86_400.0;

type Days = Family<[(&'static str, String); 3], Gauge<f64, AtomicU64>>;

/// Adds the days until certificates expire: that of the registry, and the trusted ones.
pub(super) fn register(
    own: &Certificate,
    registry: &Registry,
    now: Timestamp,
    exposition: &mut Exposition,
) {
    let days = Days::default();
    let fingerprint = own.fingerprint().to_string();
    set(
        &days,
        "server",
        &own.subject(),
        fingerprint,
        own.not_after(),
        now,
    );
    let table = registry.trust();
    let mut trusted = 0_u64;
    for known in table.certificates() {
        if known.state != TrustState::Trusted {
            continue;
        }
        trusted += 1;
        let (role, fingerprint) = (known.role.as_str(), known.fingerprint.to_string());
        set(
            &days,
            role,
            &known.subject,
            fingerprint,
            known.not_after,
            now,
        );
    }
    exposition.register(
        "certificate_expires_in_days",
        "Days until a certificate expires; negative afterwards",
        days,
    );
    exposition.register(
        "trusted_certificates",
        "Certificates that are trusted",
        ConstGauge::new(trusted),
    );
}

fn set(
    days: &Days,
    role: &str,
    name: &str,
    fingerprint: String,
    not_after: Timestamp,
    now: Timestamp,
) {
    if not_after == NO_EXPIRY {
        return;
    }
    let labels = [
        ("role", role.to_owned()),
        ("name", printable(name, Medium::Line).into_owned()),
        ("fingerprint", fingerprint),
    ];
    let left = not_after.duration_since(now).as_secs_f64() / SECONDS_PER_DAY;
    days.get_or_create(&labels).set(left);
}
