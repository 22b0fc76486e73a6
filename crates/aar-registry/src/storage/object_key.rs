//! The keys of all objects: the same in a folder and in a bucket. No other file writes or parses them.

use aar_types::{ApplicationName, Architecture, Digest, Fingerprint, VersionNumber};

use crate::keys::{UploadId, VariantKey, VersionKey};

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ObjectKey {
    /// `registry.json`: the owner of the storage.
    Registry,
    /// `blobs/sha256/<2>/<digest>`: the bytes of an image.
    Blob(Digest),
    /// `applications/<name>/<architecture>/<number>.json`: the descriptor of a version.
    Version(VersionKey),
    /// `applications/<name>/<architecture>/application.json`: the descriptor of a variant.
    Variant(VariantKey),
    /// `trust/<fingerprint>.json`: the descriptor of a certificate.
    Certificate(Fingerprint),
}

/// An area of the storage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Area {
    Blobs,
    /// Descriptors of versions and variants.
    Applications,
    Trust,
    Staging,
}

impl Area {
    /// Keys of the area begin with this name and a slash.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Blobs => "blobs",
            Self::Applications => "applications",
            Self::Trust => "trust",
            Self::Staging => "staging",
        }
    }
}

/// The key of a staged upload, or of its tail.
pub(super) fn staged(upload: UploadId) -> String {
    format!("{}/{upload}", Area::Staging.name())
}

/// The upload that such a key belongs to.
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

    /// `None` if the registry has no such key.
    pub(crate) fn parse(path: &str) -> Option<Self> {
        let segments: Vec<_> = path.split('/').collect();
        let key = match segments.as_slice() {
            ["registry.json"] => Self::Registry,
            ["blobs", "sha256", _, digest] => Self::Blob(digest.parse().ok()?),
            ["applications", name, architecture, file] => described(name, architecture, file)?,
            ["trust", file] => Self::Certificate(file.strip_suffix(".json")?.parse().ok()?),
            _ => return None,
        };
        (key.to_string() == path).then_some(key)
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
    fn every_key_is_parsed_from_its_text() {
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
            assert_eq!(
                ObjectKey::parse(&key.to_string()),
                Some(key.clone()),
                "{key}"
            );
        }
    }

    #[test]
    fn upload_is_parsed_from_its_staging_key() {
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
    fn text_that_is_almost_a_key_is_none() {
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
            assert_eq!(ObjectKey::parse(&path), None, "{path}");
        }
    }
}
