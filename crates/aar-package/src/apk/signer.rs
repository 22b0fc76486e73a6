use apk_info::{CertificateInfo, Signature, ZipEntry};

use super::directory::ApkEntry;
use crate::{
    read_seek::ReadSeek,
    zip_directory::{BudgetedReader, directory_budget},
};

/// The size of the signing block, with its padding.
const MAX_SIGNING_BLOCK: u64 = 16 << 20;

/// The size of a v1 signature file, which contains little more than a certificate.
const MAX_SIGNATURE_FILE: u64 = 64 << 10;

/// The fingerprint of the signer's certificate, from the newest signature scheme; empty for an APK
/// without a signature.
pub(super) fn signer(apk: Box<dyn ReadSeek>, entries: &[ApkEntry]) -> String {
    let budget = directory_budget(super::MAX_ENTRIES) + MAX_SIGNING_BLOCK;
    let Ok(apk) = ZipEntry::from_reader(BudgetedReader::new(apk, budget)) else {
        return String::new();
    };
    let mut signatures = apk.get_signatures_other().unwrap_or_default();
    if signatures.iter().all(|one| certificates(one).is_none())
        && has_small_signature_files(entries)
    {
        signatures.extend(apk.get_signature_v1().ok().flatten());
    }
    let newest = signatures
        .iter()
        .filter_map(certificates)
        .max_by_key(|(version, _)| *version);
    let certificate = newest.and_then(|(_, certificates)| certificates.first());
    certificate
        .map(|certificate| certificate.sha256_fingerprint.to_lowercase())
        .unwrap_or_default()
}

/// The certificates of a signature, with a number that orders signature schemes by age.
fn certificates(signature: &Signature) -> Option<(u8, &[CertificateInfo])> {
    match signature {
        Signature::V1(certificates) => Some((1, certificates)),
        Signature::V2(certificates) => Some((2, certificates)),
        Signature::V3(certificates) => Some((3, certificates)),
        Signature::V31(certificates) => Some((4, certificates)),
        Signature::V32(certificates) => Some((5, certificates)),
        _ => None,
    }
}

/// Whether the v1 signature files are small. The library reads them into memory as a whole.
fn has_small_signature_files(entries: &[ApkEntry]) -> bool {
    let is_signature_file = |name: &[u8]| {
        let extension = name.rsplit(|b| *b == b'.').next();
        name.starts_with(b"META-INF/") && matches!(extension, Some(b"RSA" | b"DSA" | b"EC"))
    };
    entries
        .iter()
        .filter(|entry| is_signature_file(&entry.name))
        .all(|entry| entry.size.max(entry.compressed) <= MAX_SIGNATURE_FILE)
}
