use std::fmt;

/// Displays a number of bytes for people: `512B`, `1.5KiB`, `20.0GiB`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bytes(pub u64);

const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 < 1024 {
            return f.pad(&format!("{}B", self.0));
        }
        let power = (self.0.ilog2() / 10) as usize;
        let tenths = (u128::from(self.0) * 10) >> (10 * power);
        let unit = UNITS[power - 1];
        f.pad(&format!("{}.{}{unit}", tenths / 10, tenths % 10))
    }
}

/// Displays a duration in seconds for people: `42s`, `3m5s`, `2h10m`, `4d3h`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seconds(pub u64);

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0;
        let text = match seconds {
            0..60 => format!("{seconds}s"),
            60..3600 => format!("{}m{}s", seconds / 60, seconds % 60),
            3600..86_400 => format!("{}h{}m", seconds / 3600, seconds / 60 % 60),
            _ => format!("{}d{}h", seconds / 86_400, seconds / 3600 % 24),
        };
        f.pad(&text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_shown_in_the_largest_unit_they_fill() {
        let text = |bytes| Bytes(bytes).to_string();
        assert_eq!(text(0), "0B");
        assert_eq!(text(1023), "1023B");
        assert_eq!(text(1024), "1.0KiB");
        assert_eq!(text(1536), "1.5KiB");
        assert_eq!(text(1 << 30), "1.0GiB");
        assert_eq!(text(u64::MAX), "15.9EiB");
    }

    #[test]
    fn seconds_are_shown_in_the_two_largest_units() {
        let text = |seconds| Seconds(seconds).to_string();
        assert_eq!(text(59), "59s");
        assert_eq!(text(60), "1m0s");
        assert_eq!(text(7800), "2h10m");
        assert_eq!(text(90_000), "1d1h");
    }
}
