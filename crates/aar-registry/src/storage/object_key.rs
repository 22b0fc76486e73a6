//! The names of everything in the storage. No other file makes or reads such a name.

use aar_types::{ApplicationName, Architecture, Digest, Fingerprint, VersionNumber};
use object_store::path::Path;

use crate::keys::{UploadId, VariantKey, VersionKey};

/// The folders that a storage has from its beginning.
pub(super) const FOLDERS: [&str; 2] = ["blobs/sha256", "staging"];

/// The name of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ObjectKey {
    /// `registry.json`: whose storage it is.
    Registry,
    /// `blobs/sha256/<2>/<digest>`: the bytes of an image.
    Blob(Digest),
    /// `applications/<name>/<architecture>/<number>.json`: what is known of a version.
    Version(VersionKey),
    /// `applications/<name>/<architecture>/application.json`: what holds for all its versions.
    Variant(VariantKey),
    /// `trust/<fingerprint>.json`: what is known of a certificate.
    Certificate(Fingerprint),
}

/// A part of the storage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Area {
    /// The images.
    Blobs,
    /// Descriptors of versions and variants.
    Applications,
    /// Descriptors of certificates.
    Trust,
    /// What has come of uploads and is not a blob yet.
    Staging,
}

impl Area {
    /// What all names in it begin with, before a slash.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Blobs => "blobs",
            Self::Applications => "applications",
            Self::Trust => "trust",
            Self::Staging => "staging",
        }
    }

    pub(super) fn prefix(self) -> Path {
        Path::from(self.name())
    }
}

/// `staging/<upload>`: the name of what an upload has staged.
pub(super) fn staged(upload: UploadId) -> String {
    format!("{}/{upload}", Area::Staging.name())
}

/// The upload whose staged bytes have this name.
pub(super) fn upload_of(name: &str) -> Option<UploadId> {
    let upload = name.rsplit('/').next()?.parse().ok()?;
    (staged(upload) == name).then_some(upload)
}

impl ObjectKey {
    /// The prefix of the keys of all certificates.
    pub(crate) const CERTIFICATES: &str = "trust/";

    /// The prefix of the keys of all descriptors of an application.
    pub(crate) fn descriptors_of(name: &ApplicationName) -> String {
        format!("{}/{name}/", Area::Applications.name())
    }

    pub(crate) fn path(&self) -> Path {
        Path::from(self.to_string())
    }

    /// The name that a path is, if it is one.
    pub(crate) fn of(path: &Path) -> Option<Self> {
        let text = path.as_ref();
        let segments: Vec<_> = text.split('/').collect();
        let key = match segments.as_slice() {
            ["registry.json"] => Self::Registry,
            ["blobs", "sha256", _, digest] => Self::Blob(digest.parse().ok()?),
            ["applications", name, architecture, file] => described(name, architecture, file)?,
            ["trust", file] => Self::Certificate(file.strip_suffix(".json")?.parse().ok()?),
            _ => return None,
        };
        (key.to_string() == text).then_some(key)
    }
}

fn described(name: &str, architecture: &str, file: &str) -> Option<ObjectKey> {
    let name: ApplicationName = name.parse().ok()?;
    let architecture: Architecture = architecture.parse().ok()?;
    let variant = VariantKey { name, architecture };
    match file.strip_suffix(".json")? {
        "application" => Some(ObjectKey::Variant(variant)),
        number => {
            let number: VersionNumber = number.parse().ok()?;
            Some(ObjectKey::Version(VersionKey { variant, number }))
        }
    }
}

impl std::fmt::Display for ObjectKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Registry => f.write_str("registry.json"),
            Self::Blob(digest) => {
                let digest = digest.to_string();
                write!(f, "blobs/sha256/{}/{digest}", &digest[..2])
            }
            Self::Version(VersionKey { variant, number }) => {
                let VariantKey { name, architecture } = variant;
                write!(f, "applications/{name}/{architecture}/{number}.json")
            }
            Self::Variant(VariantKey { name, architecture }) => {
                write!(f, "applications/{name}/{architecture}/application.json")
            }
            Self::Certificate(fingerprint) => write!(f, "trust/{fingerprint}.json"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variant() -> VariantKey {
        VariantKey {
            name: "a...b".parse().unwrap(),
            architecture: Architecture::Arm64,
        }
    }

    #[test]
    fn every_key_is_read_back_from_its_path() {
        let number = VersionNumber(17);
        let variant = variant();
        let version = VersionKey {
            variant: variant.clone(),
            number,
        };
        let keys = [
            ObjectKey::Registry,
            ObjectKey::Blob(Digest::from_bytes([0xab; 32])),
            ObjectKey::Version(version),
            ObjectKey::Variant(variant),
            ObjectKey::Certificate(Fingerprint::from_bytes([1; 32])),
        ];
        for key in keys {
            assert_eq!(ObjectKey::of(&key.path()), Some(key.clone()), "{key}");
            assert_eq!(key.path().as_ref(), key.to_string());
        }
    }

    #[test]
    fn an_upload_is_read_back_from_the_name_of_what_it_has_staged() {
        let upload: UploadId = "6f2c0c5e-35b3-4b3c-9a47-0e6d3d3f7f10".parse().unwrap();
        assert_eq!(upload_of(&staged(upload)), Some(upload));
        for name in [
            upload.to_string(),
            format!("trust/{upload}"),
            format!("staging/a/{upload}"),
            "staging/notes.txt".into(),
        ] {
            assert_eq!(upload_of(&name), None, "{name}");
        }
    }

    #[test]
    fn what_is_nearly_a_key_is_none() {
        let digest = "ab".repeat(32);
        for path in [
            format!("blobs/sha256/cd/{digest}"),
            format!("blobs/sha256/ab/{}", digest.to_uppercase()),
            "applications/a/amd64/01.json".into(),
            "applications/a/amd64/1".into(),
            "applications/a/z80/1.json".into(),
            "trust/x.json".into(),
            "notes.txt".into(),
        ] {
            assert_eq!(ObjectKey::of(&Path::from(path.as_str())), None, "{path}");
        }
    }
}
