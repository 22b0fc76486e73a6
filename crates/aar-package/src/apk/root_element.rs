//! The attributes of the root element of a binary `AndroidManifest.xml`.
//!
//! Only the root element is read. Android identifies attributes by their resource ids; their names
//! may be missing or wrong.

use super::{
    resources,
    typed_value::{STRING, TypedValue},
};

const STRING_POOL: u16 = 0x0001;
const RESOURCE_MAP: u16 = 0x0180;
const START_ELEMENT: u16 = 0x0102;

const NO_NAMESPACE: u32 = u32::MAX;

/// An attribute of Android's namespace.
pub(super) struct AndroidAttribute {
    id: u32,
    name: &'static str,
}

pub(super) const VERSION_CODE: AndroidAttribute = android(0x0101_021b, "versionCode");
pub(super) const VERSION_NAME: AndroidAttribute = android(0x0101_021c, "versionName");
pub(super) const VERSION_CODE_MAJOR: AndroidAttribute = android(0x0101_0576, "versionCodeMajor");
pub(super) const IS_SPLIT_REQUIRED: AndroidAttribute = android(0x0101_0591, "isSplitRequired");

const fn android(id: u32, name: &'static str) -> AndroidAttribute {
    AndroidAttribute { id, name }
}

pub(super) struct RootElement<'d> {
    strings: &'d [u8],
    resource_ids: &'d [u8],
    attributes: Vec<RawAttribute>,
}

struct RawAttribute {
    namespace: u32,
    name: u32,
    value: TypedValue,
}

impl<'d> RootElement<'d> {
    /// Finds the root element, or returns none if the document is damaged.
    pub(super) fn parse(document: &'d [u8]) -> Option<Self> {
        let (mut strings, mut resource_ids) = (&[][..], &[][..]);
        let mut at = usize::from(half(document, 2)?).max(8);
        loop {
            let size = usize::try_from(word(document, at + 4)?).ok()?;
            let chunk = document.get(at..at.checked_add(size)?)?;
            let header = usize::from(half(chunk, 2)?);
            match half(chunk, 0)? {
                STRING_POOL if strings.is_empty() => strings = chunk,
                RESOURCE_MAP => resource_ids = chunk.get(header..)?,
                START_ELEMENT => {
                    return Some(Self {
                        strings,
                        resource_ids,
                        attributes: attributes(chunk.get(header..)?)?,
                    });
                }
                _ => {}
            }
            at += size.max(8);
        }
    }

    pub(super) fn android(&self, attribute: &AndroidAttribute) -> Option<TypedValue> {
        let by_id = |raw: &&RawAttribute| self.resource_id(raw.name) == Some(attribute.id);
        let by_name = |raw: &&RawAttribute| {
            raw.namespace != NO_NAMESPACE
                && self.resource_id(raw.name).is_none()
                && self.string(raw.name).as_deref() == Some(attribute.name)
        };
        let found = self.attributes.iter().find(by_id);
        let found = found.or_else(|| self.attributes.iter().find(by_name));
        found.map(|raw| raw.value)
    }

    /// The text of an attribute that has no namespace.
    pub(super) fn plain(&self, name: &str) -> Option<String> {
        let found = self.attributes.iter().find(|raw| {
            raw.namespace == NO_NAMESPACE && self.string(raw.name).as_deref() == Some(name)
        });
        self.text(found?.value)
    }

    /// The text of a string; none for any other value.
    pub(super) fn text(&self, value: TypedValue) -> Option<String> {
        (value.value_type == STRING)
            .then(|| self.string(value.data))
            .flatten()
    }

    fn string(&self, index: u32) -> Option<String> {
        resources::pool_string(self.strings, index)
    }

    fn resource_id(&self, name: u32) -> Option<u32> {
        let at = usize::try_from(name).ok()?.checked_mul(4)?;
        word(self.resource_ids, at).filter(|id| *id != 0)
    }
}

fn attributes(element: &[u8]) -> Option<Vec<RawAttribute>> {
    let start = usize::from(half(element, 8)?);
    let size = usize::from(half(element, 10)?);
    let count = usize::from(half(element, 12)?);
    let attribute = |index: usize| {
        let raw = element.get(start.checked_add(index.checked_mul(size)?)?..)?;
        Some(RawAttribute {
            namespace: word(raw, 0)?,
            name: word(raw, 4)?,
            value: TypedValue {
                value_type: *raw.get(15)?,
                data: word(raw, 16)?,
            },
        })
    };
    (0..count).map(attribute).collect()
}

fn half(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}
