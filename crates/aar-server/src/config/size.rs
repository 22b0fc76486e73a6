use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

const UNITS: &[(&str, u64)] = &[
    ("TiB", 1 << 40),
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("TB", 1_000_000_000_000),
    ("GB", 1_000_000_000),
    ("MB", 1_000_000),
    ("kB", 1_000),
    ("B", 1),
];

/// A number of bytes above zero, written like `512MiB` or `200GiB`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Size(u64);

impl Size {
    pub const fn gib(count: u64) -> Self {
        Self(count << 30)
    }

    pub const fn bytes(self) -> u64 {
        self.0
    }
}

fn parse(text: &str) -> Option<u64> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let (_, factor) = UNITS.iter().find(|(name, _)| *name == unit.trim_start())?;
    number.parse::<u64>().ok()?.checked_mul(*factor)
}

impl FromStr for Size {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let bytes = parse(text).filter(|bytes| *bytes > 0);
        bytes
            .map(Self)
            .ok_or_else(|| format!("{text:?} is not a size above zero (such as 512MiB or 200GiB)"))
    }
}

impl TryFrom<String> for Size {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Size> for String {
    fn from(size: Size) -> Self {
        size.to_string()
    }
}

impl fmt::Display for Size {
    /// Uses the largest unit with a whole number.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let largest = UNITS
            .iter()
            .find(|(_, factor)| self.0.is_multiple_of(*factor));
        let (name, factor) = largest.unwrap_or(&("B", 1));
        write!(f, "{}{name}", self.0 / factor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_and_written_in_binary_and_decimal_units() {
        for text in ["200GiB", "1TiB", "512MiB", "3GB", "17B"] {
            assert_eq!(text.parse::<Size>().unwrap().to_string(), text);
        }
        assert_eq!("1 GiB".parse(), Ok(Size::gib(1)));
        assert_eq!(Size::gib(2048).to_string(), "2TiB");
    }

    #[test]
    fn zero_unitless_and_overflowing_sizes_are_refused() {
        for bad in ["0B", "12", "", "GiB", "-1GiB", "1.5GiB", "99999999999TiB"] {
            assert!(bad.parse::<Size>().is_err(), "{bad:?} was accepted");
        }
    }
}
