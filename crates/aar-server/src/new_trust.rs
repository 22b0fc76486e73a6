use aar_registry::NewTrust;
use aar_tls::Certificate;
use aar_types::Role;

/// The description of a certificate that is to be trusted.
pub(crate) fn new_trust(certificate: &Certificate, role: Role) -> NewTrust {
    NewTrust {
        fingerprint: certificate.fingerprint(),
        der: certificate.der().to_vec(),
        role,
        subject: certificate.subject(),
        not_before: certificate.not_before(),
        not_after: certificate.not_after(),
    }
}
