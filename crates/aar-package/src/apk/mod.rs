//! Reading the metadata of an APK. Only the entries that contain it are read, each within a limit, so
//! an APK of 1 GiB takes no more memory than a small one.

mod directory;
mod resources;
mod root_element;
mod signer;
mod typed_value;

use std::{
    collections::BTreeSet,
    io::{Read, Seek, SeekFrom},
};

use aar_types::{ApkFacts, Architecture, rules};

use self::{
    directory::ApkDirectory,
    root_element::{
        IS_SPLIT_REQUIRED, RootElement, VERSION_CODE, VERSION_CODE_MAJOR, VERSION_NAME,
    },
    typed_value::TypedValue,
};
use crate::{Error, read_seek::ReadSeek};

const MANIFEST: &str = "AndroidManifest.xml";
const RESOURCES: &str = "resources.arsc";

/// The manifests of the largest applications have 1 or 2 MiB.
const MAX_MANIFEST: u64 = 4 << 20;

/// Resources are read only where an attribute refers to them.
const MAX_RESOURCES: u64 = 32 << 20;

/// The largest applications have fewer entries.
const MAX_ENTRIES: usize = 100_000;

/// The start of the file that Git has in place of a large one.
const LFS_POINTER: &[u8] = b"version https://git-lfs";

/// Reads the metadata of an APK, opened twice: once for its entries, and once for the signing block,
/// which is no entry and is read by another library.
pub(crate) fn read_facts(
    mut entries: Box<dyn ReadSeek>,
    signatures: Box<dyn ReadSeek>,
) -> Result<ApkFacts, Error> {
    check_start(&mut entries)?;
    let mut zip = ApkDirectory::open(entries, MAX_ENTRIES).map_err(invalid)?;
    if let Some(name) = zip.duplicate() {
        return Err(invalid(format!("it has two entries {name:?}")));
    }
    let Some(manifest) = zip.read(MANIFEST, MAX_MANIFEST).map_err(invalid)? else {
        let names = zip.entries().iter().map(|entry| &*entry.name);
        let reason = bundle_of(names).unwrap_or("it has no AndroidManifest.xml");
        return Err(invalid(reason));
    };
    if manifest.trim_ascii_start().starts_with(b"<") {
        let reason = "its AndroidManifest.xml is plain text; Android requires the binary form";
        return Err(invalid(reason));
    }
    let damaged = || invalid("its AndroidManifest.xml is damaged");
    let root = RootElement::parse(&manifest).ok_or_else(damaged)?;
    let package = root.plain("package").unwrap_or_default();
    if rules::package(&package).is_err() {
        let reason = format!("its AndroidManifest.xml has the package name {package:?}");
        return Err(invalid(reason));
    }
    check_complete(&root, &package)?;
    Ok(ApkFacts {
        version_name: version_name(&root, &mut zip)?,
        version_code: version_code(&root, &mut zip)?,
        package,
        abis: abis(&zip),
        signer: signer::signer(signatures, zip.entries()),
    })
}

/// Refuses files that are no archive, by what they are.
fn check_start(file: &mut Box<dyn ReadSeek>) -> Result<(), Error> {
    let damaged = |error: std::io::Error| invalid(error.to_string());
    let mut start = Vec::new();
    let limit = LFS_POINTER.len() as u64;
    file.take(limit).read_to_end(&mut start).map_err(damaged)?;
    file.seek(SeekFrom::Start(0)).map_err(damaged)?;
    match &*start {
        [] => Err(invalid("it is an empty file")),
        LFS_POINTER => Err(invalid(
            "it is a Git LFS pointer; `git lfs pull` downloads the file that it stands for",
        )),
        _ => Ok(()),
    }
}

/// Names an archive of APKs or of their parts by its entries.
pub(crate) fn bundle_of<'n>(names: impl Iterator<Item = &'n [u8]>) -> Option<&'static str> {
    let (mut aab, mut xapk, mut set, mut apks) = (false, false, false, false);
    for name in names {
        match name {
            b"BundleConfig.pb" | b"base/manifest/AndroidManifest.xml" => aab = true,
            b"manifest.json" => xapk = true,
            b"toc.pb" => set = true,
            name => apks |= name.to_ascii_lowercase().ends_with(b".apk"),
        }
    }
    match () {
        () if aab => Some(
            "it is an Android App Bundle (AAB); `bundletool build-apks --mode=universal` makes an \
             APK of it",
        ),
        () if xapk && apks => Some(
            "it is an XAPK, an archive of split APKs and data; use a universal APK, and extra-data \
             for OBB files",
        ),
        () if set || apks => Some("it is an archive of APKs; use a universal APK"),
        () => None,
    }
}

/// Refuses a part of an application, and an application that does not run without its parts.
fn check_complete(root: &RootElement<'_>, package: &str) -> Result<(), Error> {
    if let Some(split) = root.plain("split").filter(|split| !split.is_empty()) {
        let reason = format!("it is the split APK {split:?} of {package}; use a universal APK");
        return Err(invalid(reason));
    }
    let required = root.android(&IS_SPLIT_REQUIRED);
    if required.and_then(TypedValue::integer).unwrap_or_default() != 0 {
        let reason =
            format!("it is the base of {package}, which requires split APKs; use a universal APK");
        return Err(invalid(reason));
    }
    Ok(())
}

/// The version name, which may be a reference to a resource.
fn version_name<R: Read + Seek>(
    root: &RootElement<'_>,
    zip: &mut ApkDirectory<R>,
) -> Result<String, Error> {
    let Some(value) = root.android(&VERSION_NAME) else {
        return Ok(String::new());
    };
    let text = match value.reference() {
        Some(id) => resources::text(&read_resources(zip)?, id),
        None => root.text(value).or_else(|| value.coerced()),
    };
    let printable = |text: String| {
        let characters = text.chars().filter(|c| !c.is_control());
        characters.take(rules::MAX_APK_VERSION_NAME).collect()
    };
    Ok(text.map(printable).unwrap_or_default())
}

/// The version code of 64 bits, whose upper half is an attribute of its own.
fn version_code<R: Read + Seek>(
    root: &RootElement<'_>,
    zip: &mut ApkDirectory<R>,
) -> Result<String, Error> {
    let mut half = |attribute| match root.android(attribute) {
        Some(value) => integer(root, value, zip),
        None => Ok(None),
    };
    let (low, high) = (half(&VERSION_CODE)?, half(&VERSION_CODE_MAJOR)?);
    let code = match (low, high) {
        (None, None) => return Ok(String::new()),
        (low, high) => {
            u64::from(high.unwrap_or_default()) << 32 | u64::from(low.unwrap_or_default())
        }
    };
    Ok(code.to_string())
}

fn integer<R: Read + Seek>(
    root: &RootElement<'_>,
    value: TypedValue,
    zip: &mut ApkDirectory<R>,
) -> Result<Option<u32>, Error> {
    if let Some(id) = value.reference() {
        return Ok(resources::integer(&read_resources(zip)?, id));
    }
    let text = || parse_integer(&root.text(value)?);
    Ok(value.integer().or_else(text))
}

/// Parses the text of an integer as Android does: decimal, or hexadecimal after `0x`.
fn parse_integer(text: &str) -> Option<u32> {
    match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(digits) => u32::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    }
}

fn read_resources<R: Read + Seek>(zip: &mut ApkDirectory<R>) -> Result<Vec<u8>, Error> {
    let resources = zip.read(RESOURCES, MAX_RESOURCES).map_err(invalid)?;
    Ok(resources.unwrap_or_default())
}

/// The ABIs of the native libraries: files `lib/ABI/lib*.so`. Android installs nothing else.
fn abis<R: Read + Seek>(zip: &ApkDirectory<R>) -> Vec<String> {
    let abi = |name: &[u8]| {
        let path = std::str::from_utf8(name).ok()?.strip_prefix("lib/")?;
        let (abi, library) = path.split_once('/')?;
        let name = library.strip_prefix("lib")?.strip_suffix(".so")?;
        let is_library = !name.contains('/');
        (rules::ABIS.contains(&abi) && is_library).then(|| abi.to_owned())
    };
    let names = zip.entries().iter().map(|entry| &*entry.name);
    let abis: BTreeSet<_> = names.filter_map(abi).collect();
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
