//! Values as binary XML and the resource table write them.

pub(super) const STRING: u8 = 0x03;
const REFERENCE: u8 = 0x01;
const FLOAT: u8 = 0x04;
const DECIMAL: u8 = 0x10;
const HEXADECIMAL: u8 = 0x11;
const BOOLEAN: u8 = 0x12;
const LAST_INTEGER: u8 = 0x1f;

/// A value with its type. The data of a string is its index, that of a reference is a resource id.
#[derive(Clone, Copy)]
pub(super) struct TypedValue {
    pub(super) value_type: u8,
    pub(super) data: u32,
}

impl TypedValue {
    pub(super) fn reference(self) -> Option<u32> {
        (self.value_type == REFERENCE).then_some(self.data)
    }

    pub(super) fn integer(self) -> Option<u32> {
        (DECIMAL..=LAST_INTEGER)
            .contains(&self.value_type)
            .then_some(self.data)
    }

    /// The text of a value that is neither a string nor a reference, in the form of Android.
    pub(super) fn coerced(self) -> Option<String> {
        match self.value_type {
            FLOAT => Some(format!("{:?}", f32::from_bits(self.data))),
            HEXADECIMAL => Some(format!("0x{:x}", self.data)),
            BOOLEAN => Some((self.data != 0).to_string()),
            DECIMAL..=LAST_INTEGER => Some(self.data.cast_signed().to_string()),
            _ => None,
        }
    }
}
