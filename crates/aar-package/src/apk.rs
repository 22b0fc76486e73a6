//! What an APK says of itself. Only the parts that say it are read, each within a limit: an APK of
//! a GiB costs no more than a small one.

mod resources;

use std::{
    collections::BTreeSet,
    io::{Read, Seek},
};

use aar_types::{ApkFacts, Architecture, rules};
use apk_info::{AXML, CertificateInfo, Signature, ZipEntry};
use zip::ZipArchive;

use crate::{
    Error,
    manifest::is_package_name,
    metered::{Metered, directory_budget, open_zip},
    source::ReadSeek,
};

const MANIFEST: &str = "AndroidManifest.xml";
const RESOURCES: &str = "resources.arsc";

/// The manifests of the largest applications have a MiB or two.
const MAX_MANIFEST: u64 = 4 << 20;

/// The element at the root has about ten attributes of twenty bytes.
const MAX_ROOT: usize = 1 << 10;

/// Resources are looked at only for a version name that is kept there.
const MAX_RESOURCES: u64 = 32 << 20;

/// More entries than the largest applications have.
const MAX_ENTRIES: usize = 100_000;

/// What signatures take, with room for the padding around them.
const MAX_SIGNATURES: u64 = 16 << 20;

/// A file of the old signature scheme holds little more than a certificate.
const MAX_SIGNATURE: u64 = 64 << 10;

/// Reads the facts. The two readers are of the same APK: one reads entries within limits, the
/// other knows the signatures, which are not entries.
pub(crate) fn read_facts(
    entries: Box<dyn ReadSeek>,
    signatures: Box<dyn ReadSeek>,
) -> Result<ApkFacts, Error> {
    let zip = open_zip(entries, MAX_ENTRIES).map_err(|error| refused(error.to_string()))?;
    let mut zip = zip.ok_or_else(|| refused("it has too many entries"))?;
    let manifest = read_entry(&mut zip, MANIFEST, MAX_MANIFEST)?;
    let mut manifest = manifest.ok_or_else(|| refused("it has no AndroidManifest.xml"))?;
    cut_to_root(&mut manifest).ok_or_else(|| refused("its AndroidManifest.xml is damaged"))?;
    let document = AXML::new(&mut &*manifest, None)
        .map_err(|error| refused(format!("its AndroidManifest.xml is damaged: {error}")))?;
    let package = attribute(&document, "package");
    if !is_package_name(&package) {
        let reason = format!("its AndroidManifest.xml names the package {package:?}");
        return Err(refused(reason));
    }
    Ok(ApkFacts {
        package,
        version_name: version_name(&document, &mut zip)?,
        version_code: attribute(&document, "versionCode"),
        abis: abis(&zip),
        signer: signer(signatures, &zip),
    })
}

/// Cuts a binary XML document off after its first element, which has all that is asked for.
///
/// The library builds the whole tree, with a copy of each text at each place where it is used. A
/// small document made for it could take all memory, or nest so deep that the stack overflows.
fn cut_to_root(document: &mut Vec<u8>) -> Option<()> {
    const START_ELEMENT: u16 = 0x0102;
    let half = |at: usize| Some(u16::from_le_bytes(*document.get(at..)?.first_chunk()?));
    let word = |at: usize| Some(u32::from_le_bytes(*document.get(at..)?.first_chunk()?));
    let mut chunk = usize::from(half(2)?);
    let end = loop {
        let size = usize::try_from(word(chunk + 4)?)
            .ok()
            .filter(|size| *size >= 8)?;
        let end = chunk
            .checked_add(size)
            .filter(|end| *end <= document.len())?;
        match half(chunk)? {
            START_ELEMENT if size > MAX_ROOT => return None,
            START_ELEMENT => break end,
            _ => chunk = end,
        }
    };
    document.truncate(end);
    let size = u32::try_from(end).ok()?.to_le_bytes();
    document.get_mut(4..8)?.copy_from_slice(&size);
    Some(())
}

fn attribute(document: &AXML, name: &str) -> String {
    let value = document.get_attribute_value("manifest", name, None);
    value.unwrap_or_default()
}

/// The version name may be a reference into the resources: `@` and an id in hexadecimal.
fn version_name<R: Read + Seek>(document: &AXML, zip: &mut ZipArchive<R>) -> Result<String, Error> {
    let name = attribute(document, "versionName");
    let Some(id) = name.strip_prefix('@') else {
        return Ok(name);
    };
    let resources = read_entry(zip, RESOURCES, MAX_RESOURCES)?.unwrap_or_default();
    let id = u32::from_str_radix(id, 16).ok();
    Ok(id
        .and_then(|id| resources::text(&resources, id))
        .unwrap_or_default())
}

fn read_entry<R: Read + Seek>(
    zip: &mut ZipArchive<R>,
    name: &str,
    limit: u64,
) -> Result<Option<Vec<u8>>, Error> {
    let Some(index) = zip.index_for_name(name) else {
        return Ok(None);
    };
    let entry = zip
        .by_index(index)
        .map_err(|error| refused(error.to_string()))?;
    let mut content = Vec::new();
    let read = entry.take(limit + 1).read_to_end(&mut content);
    match read {
        Ok(count) if count as u64 > limit => Err(refused(format!("its {name} is too large"))),
        Ok(_) => Ok(Some(content)),
        Err(error) => Err(refused(format!("its {name} is damaged: {error}"))),
    }
}

fn abis<R: Read + Seek>(zip: &ZipArchive<R>) -> Vec<String> {
    let abi = |name: &[u8]| {
        let (abi, library) = std::str::from_utf8(name)
            .ok()?
            .strip_prefix("lib/")?
            .split_once('/')?;
        let known = rules::ABIS.contains(&abi) && !library.is_empty();
        known.then(|| abi.to_owned())
    };
    let abis: BTreeSet<_> = zip.file_names_raw().filter_map(abi).collect();
    abis.into_iter().collect()
}

/// The certificate of the newest signature scheme; empty where the APK is not signed.
fn signer<R: Read + Seek>(apk: Box<dyn ReadSeek>, zip: &ZipArchive<R>) -> String {
    let budget = directory_budget(MAX_ENTRIES) + MAX_SIGNATURES;
    let Ok(apk) = ZipEntry::from_reader(Metered::new(apk, budget)) else {
        return String::new();
    };
    let mut signatures = apk.get_signatures_other().unwrap_or_default();
    if signatures
        .iter()
        .all(|signature| scheme(signature).is_none())
        && is_small(zip)
    {
        signatures.extend(apk.get_signature_v1().ok().flatten());
    }
    let newest = signatures
        .iter()
        .filter_map(scheme)
        .max_by_key(|(age, _)| *age);
    let certificate = newest.and_then(|(_, certificates)| certificates.first());
    certificate
        .map(|certificate| certificate.sha256_fingerprint.to_lowercase())
        .unwrap_or_default()
}

fn scheme(signature: &Signature) -> Option<(u8, &[CertificateInfo])> {
    match signature {
        Signature::V1(certificates) => Some((1, certificates)),
        Signature::V2(certificates) => Some((2, certificates)),
        Signature::V3(certificates) => Some((3, certificates)),
        Signature::V31(certificates) => Some((4, certificates)),
        Signature::V32(certificates) => Some((5, certificates)),
        _ => None,
    }
}

/// Whether the files of the old signature scheme may be read as a whole.
fn is_small<R: Read + Seek>(zip: &ZipArchive<R>) -> bool {
    (0..zip.len())
        .filter_map(|index| zip.by_index_data(index).ok())
        .all(|entry| {
            !entry.name_raw().starts_with(b"META-INF/")
                || (entry.size() <= MAX_SIGNATURE && entry.compressed_size() <= MAX_SIGNATURE)
                || !matches!(
                    entry.name_raw().rsplit(|b| *b == b'.').next(),
                    Some(b"RSA" | b"DSA" | b"EC")
                )
        })
}

fn refused(reason: impl Into<String>) -> Error {
    let reason = reason.into();
    Error::Apk { reason }
}

/// Refuses an APK whose native code does not run on the architecture. An APK without native code
/// runs on all.
pub fn check_architecture(facts: &ApkFacts, architecture: Architecture) -> Result<(), Error> {
    let runs = abis_of(architecture);
    if facts.abis.is_empty() || facts.abis.iter().any(|abi| runs.contains(&abi.as_str())) {
        return Ok(());
    }
    Err(Error::Architecture {
        abis: facts.abis.clone(),
        architecture,
        runs: runs.to_vec(),
    })
}

/// The ABIs that an architecture runs.
fn abis_of(architecture: Architecture) -> &'static [&'static str] {
    match architecture {
        Architecture::Amd64 => &["x86_64", "x86"],
        Architecture::Arm64 => &["arm64-v8a", "armeabi-v7a", "armeabi"],
        Architecture::Armhf => &["armeabi-v7a", "armeabi"],
        Architecture::I386 => &["x86"],
        Architecture::Riscv64 => &["riscv64"],
        Architecture::Ppc64el | Architecture::S390x => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn native_code_must_have_a_part_that_runs_on_the_architecture() {
        for (abis, architecture, fits) in [
            (&[][..], Architecture::S390x, true),
            (&["x86", "arm64-v8a"], Architecture::Amd64, true),
            (&["armeabi-v7a"], Architecture::Arm64, true),
            (&["arm64-v8a"], Architecture::Armhf, false),
            (&["x86_64"], Architecture::Arm64, false),
            (&["riscv64"], Architecture::Ppc64el, false),
        ] {
            let facts = ApkFacts {
                abis: abis.iter().map(ToString::to_string).collect(),
                ..ApkFacts::default()
            };
            let checked = check_architecture(&facts, architecture);
            assert_eq!(
                checked.is_ok(),
                fits,
                "{abis:?} on {architecture}: {checked:?}"
            );
        }
    }

    #[test]
    fn the_refusal_says_what_there_is_and_what_would_run() {
        let facts = ApkFacts {
            abis: vec!["x86".to_owned(), "x86_64".to_owned()],
            ..ApkFacts::default()
        };
        let refusal = check_architecture(&facts, Architecture::Arm64).unwrap_err();
        assert_eq!(
            refusal.to_string(),
            "app.apk has native code for x86, x86_64 only, which does not run on arm64 \
             (it runs arm64-v8a, armeabi-v7a, armeabi)"
        );
    }
}
