//! The descriptors, from which the metadata can be rebuilt.
//!
//! They are read leniently, like all bodies, so descriptors of older programs stay valid.

mod replacement;

use aar_types::{
    ApplicationMetadata, ApplicationName, Architecture, Fingerprint, RegistryId, Revision, Version,
};
use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::Bytes;
use futures_util::{Stream, TryStreamExt, future::ready, stream};
use serde::{
    Deserialize, Deserializer, Serialize, Serializer, de::DeserializeOwned, de::Error as _,
};
use serde_json::Value;

use crate::{
    Error, TrustedCertificate,
    keys::{VariantKey, VersionKey},
    metadata::{Reading, TrustRow, VariantRow, VersionRow},
    storage::{Area, Object, ObjectKey, Storage},
};

pub(crate) use replacement::{check_content, check_replacement};

/// The format of the storage that this program writes.
pub(crate) const FORMAT: u32 = 1;

/// `registry.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RegistryDescriptor {
    pub(crate) id: RegistryId,
    pub(crate) format: u32,
    /// The name of this storage among those of the registry. The first one has no name.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) storage: String,
    /// Whether it is an unfinished copy.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) incomplete: bool,
}

impl RegistryDescriptor {
    pub(crate) fn first(id: RegistryId) -> Self {
        Self {
            id,
            format: FORMAT,
            storage: String::new(),
            incomplete: false,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct VersionDescriptor {
    pub(crate) revision: Revision,
    pub(crate) application: ApplicationName,
    pub(crate) architecture: Architecture,
    pub(crate) version: Version,
}

/// The metadata that all versions of a variant share.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct VariantDescriptor {
    pub(crate) revision: Revision,
    pub(crate) application: ApplicationName,
    pub(crate) architecture: Architecture,
    #[serde(default)]
    pub(crate) metadata: ApplicationMetadata,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct CertificateDescriptor {
    #[serde(flatten)]
    pub(crate) certificate: TrustedCertificate,
    #[serde(serialize_with = "to_base64", deserialize_with = "from_base64")]
    pub(crate) der: Vec<u8>,
}

impl From<VersionRow> for VersionDescriptor {
    fn from(row: VersionRow) -> Self {
        Self {
            revision: row.revision,
            application: row.variant.name,
            architecture: row.variant.architecture,
            version: row.version,
        }
    }
}

impl From<VersionDescriptor> for VersionRow {
    fn from(descriptor: VersionDescriptor) -> Self {
        Self {
            variant: VariantKey {
                name: descriptor.application,
                architecture: descriptor.architecture,
            },
            version: descriptor.version,
            revision: descriptor.revision,
        }
    }
}

impl From<VariantRow> for VariantDescriptor {
    fn from(row: VariantRow) -> Self {
        Self {
            revision: row.revision,
            application: row.key.name,
            architecture: row.key.architecture,
            metadata: row.metadata,
        }
    }
}

impl From<VariantDescriptor> for VariantRow {
    fn from(descriptor: VariantDescriptor) -> Self {
        Self {
            key: VariantKey {
                name: descriptor.application,
                architecture: descriptor.architecture,
            },
            metadata: descriptor.metadata,
            revision: descriptor.revision,
        }
    }
}

impl From<TrustRow> for CertificateDescriptor {
    fn from(TrustRow { certificate, der }: TrustRow) -> Self {
        Self { certificate, der }
    }
}

impl From<CertificateDescriptor> for TrustRow {
    fn from(CertificateDescriptor { certificate, der }: CertificateDescriptor) -> Self {
        Self { certificate, der }
    }
}

impl VersionRow {
    pub(crate) fn key(&self) -> VersionKey {
        VersionKey {
            variant: self.variant.clone(),
            number: self.version.number,
        }
    }
}

/// Indented, because people read descriptors too.
pub(crate) fn write<T: Serialize>(key: &ObjectKey, descriptor: &T) -> Result<Bytes, Error> {
    let written = serde_json::to_vec_pretty(descriptor);
    written
        .map(Bytes::from)
        .map_err(|source| damaged(key, source))
}

/// Every descriptor in a storage.
pub(crate) fn list(storage: &Storage) -> impl Stream<Item = Result<Object, Error>> + Send + use<> {
    let objects =
        stream::select_all([Area::Applications, Area::Trust].map(|area| storage.list(area)));
    objects.try_filter(|object| ready(object.key().is_some()))
}

/// The content that the database requires; `None` if there should be no descriptor.
pub(crate) async fn required(tx: &mut Reading, key: &ObjectKey) -> Result<Option<Bytes>, Error> {
    let content = match key {
        ObjectKey::Version(version) => {
            let row = tx.version(version).await?;
            row.map(|row| write(key, &VersionDescriptor::from(row)))
        }
        ObjectKey::Variant(variant) => {
            let row = tx.variant(variant).await?;
            row.map(|row| write(key, &VariantDescriptor::from(row)))
        }
        ObjectKey::Certificate(fingerprint) => {
            let row = tx.certificate(fingerprint).await?;
            row.map(|row| write(key, &CertificateDescriptor::from(row)))
        }
        ObjectKey::Registry | ObjectKey::Blob(_) => None,
    };
    content.transpose()
}

pub(crate) async fn read<T: DeserializeOwned>(
    storage: &Storage,
    key: &ObjectKey,
) -> Result<Option<T>, Error> {
    let content = storage.get(key).await?;
    content.map(|content| parse(key, &content)).transpose()
}

pub(crate) fn parse<T: DeserializeOwned>(key: &ObjectKey, content: &[u8]) -> Result<T, Error> {
    serde_json::from_slice(content).map_err(|source| damaged(key, source))
}

/// `None` if the descriptor cannot be read or describes another version.
pub(crate) fn version(key: &VersionKey, content: &[u8]) -> Option<VersionRow> {
    let read: VersionDescriptor = serde_json::from_slice(content).ok()?;
    let row = VersionRow::from(read);
    (row.key() == *key).then_some(row)
}

/// `None` if the descriptor cannot be read or describes another certificate.
pub(crate) fn certificate(fingerprint: &Fingerprint, content: &[u8]) -> Option<TrustRow> {
    let read: CertificateDescriptor = serde_json::from_slice(content).ok()?;
    let row = TrustRow::from(read);
    (row.certificate.fingerprint == *fingerprint).then_some(row)
}

/// The content of a descriptor in the form that this program writes; `None` if it cannot be read.
pub(crate) fn normalized(key: &ObjectKey, content: Option<&Bytes>) -> Option<Value> {
    let content = content?;
    match key {
        ObjectKey::Version(_) => normalize::<VersionDescriptor>(content),
        ObjectKey::Variant(_) => normalize::<VariantDescriptor>(content),
        ObjectKey::Certificate(_) => normalize::<CertificateDescriptor>(content),
        ObjectKey::Registry | ObjectKey::Blob(_) => None,
    }
}

/// Fills in all defaults.
fn normalize<T: Serialize + DeserializeOwned>(content: &[u8]) -> Option<Value> {
    let read: T = serde_json::from_slice(content).ok()?;
    serde_json::to_value(read).ok()
}

fn damaged(key: &ObjectKey, source: serde_json::Error) -> Error {
    Error::Damaged {
        place: key.to_string(),
        source: source.into(),
    }
}

fn to_base64<S: Serializer>(der: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&BASE64_STANDARD.encode(der))
}

fn from_base64<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
    let text = String::deserialize(deserializer)?;
    BASE64_STANDARD.decode(text).map_err(D::Error::custom)
}
