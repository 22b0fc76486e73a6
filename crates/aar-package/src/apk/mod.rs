//! Reading the metadata of an APK. Only the entries that contain it are read, each within a limit, so
//! an APK of 1 GiB takes no more memory than a small one.

mod resources;
mod signer;

use std::{
    collections::BTreeSet,
    io::{Read, Seek},
};

use aar_types::{ApkFacts, Architecture, rules};
use apk_info::AXML;
use zip::ZipArchive;

use crate::{Error, source::ReadSeek, zip_directory::open_zip};

const MANIFEST: &str = "AndroidManifest.xml";
const RESOURCES: &str = "resources.arsc";

/// The manifests of the largest applications have 1 or 2 MiB.
const MAX_MANIFEST: u64 = 4 << 20;

/// The root element has about ten attributes of twenty bytes.
const MAX_ROOT_ELEMENT: usize = 1 << 10;

/// Resources are read only where the version name refers to them.
const MAX_RESOURCES: u64 = 32 << 20;

/// The largest applications have fewer entries.
const MAX_ENTRIES: usize = 100_000;

/// Reads the metadata of an APK, opened twice: once for its entries, and once for the signing block,
/// which is no entry and is read by another library.
pub(crate) fn read_facts(
    entries: Box<dyn ReadSeek>,
    signatures: Box<dyn ReadSeek>,
) -> Result<ApkFacts, Error> {
    let zip = open_zip(entries, MAX_ENTRIES).map_err(|error| invalid(error.to_string()))?;
    let mut zip = zip.ok_or_else(|| invalid("it has too many entries"))?;
    let manifest = read_entry(&mut zip, MANIFEST, MAX_MANIFEST)?;
    let mut manifest = manifest.ok_or_else(|| invalid("it has no AndroidManifest.xml"))?;
    truncate_after_root(&mut manifest)
        .ok_or_else(|| invalid("its AndroidManifest.xml is damaged"))?;
    let document = AXML::new(&mut &*manifest, None)
        .map_err(|error| invalid(format!("its AndroidManifest.xml is damaged: {error}")))?;
    let package = attribute(&document, "package");
    if rules::package(&package).is_err() {
        let reason = format!("its AndroidManifest.xml has the package name {package:?}");
        return Err(invalid(reason));
    }
    Ok(ApkFacts {
        package,
        version_name: version_name(&document, &mut zip)?,
        version_code: attribute(&document, "versionCode"),
        abis: abis(&zip),
        signer: signer::signer(signatures, &zip),
    })
}

/// Truncates a binary XML document after the root element, which has all attributes that are read.
///
/// The library builds the tree of the whole document with a copy of each text for each use. A small
/// malicious document would take all memory, or overflow the stack by deep nesting.
fn truncate_after_root(document: &mut Vec<u8>) -> Option<()> {
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
            START_ELEMENT if size > MAX_ROOT_ELEMENT => return None,
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

/// The version name. It may be a reference to a resource: `@` and an id in hexadecimal.
fn version_name<R: Read + Seek>(document: &AXML, zip: &mut ZipArchive<R>) -> Result<String, Error> {
    let name = attribute(document, "versionName");
    let Some(id) = name.strip_prefix('@') else {
        return Ok(name);
    };
    let resources = read_entry(zip, RESOURCES, MAX_RESOURCES)?.unwrap_or_default();
    let id = u32::from_str_radix(id, 16).ok();
    let name = id.and_then(|id| resources::text(&resources, id));
    Ok(name.unwrap_or_default())
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
        .map_err(|error| invalid(error.to_string()))?;
    let mut content = Vec::new();
    let read = entry.take(limit + 1).read_to_end(&mut content);
    match read {
        Ok(count) if count as u64 > limit => Err(invalid(format!("its {name} is too large"))),
        Ok(_) => Ok(Some(content)),
        Err(error) => Err(invalid(format!("its {name} is damaged: {error}"))),
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

fn invalid(reason: impl Into<String>) -> Error {
    let reason = reason.into();
    Error::Apk { reason }
}

/// Refuses an APK whose native code does not run on the architecture. An APK without native code
/// runs on every architecture.
pub fn check_architecture(facts: &ApkFacts, architecture: Architecture) -> Result<(), Error> {
    let supported = supported_abis(architecture);
    let runs = |abi: &String| supported.contains(&abi.as_str());
    if facts.abis.is_empty() || facts.abis.iter().any(runs) {
        return Ok(());
    }
    Err(Error::Architecture {
        abis: facts.abis.clone(),
        architecture,
        supported: supported.to_vec(),
    })
}

fn supported_abis(architecture: Architecture) -> &'static [&'static str] {
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
    fn native_code_for_another_architecture_is_invalid() {
        for (abis, architecture, accepted) in [
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
                accepted,
                "{abis:?} on {architecture}: {checked:?}"
            );
        }
    }

    #[test]
    fn refusal_names_the_found_and_the_supported_abis() {
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
