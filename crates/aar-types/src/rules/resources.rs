use super::{AllowedForm, accept_if, number};

/// An application that needs other amounts names resources instead of an instance type.
const INSTANCE_TYPES: &[&str] = &[
    "a2.3", "a4.3", "a6.3", "a8.3", "a10.3", "g2.3", "g4.3", "g6.3", "g8.3", "g10.3",
];

/// The lower bound for memory and disks, in bytes.
const MIN_SIZE: u64 = 3_000_000_000;

/// An instance type.
pub fn instance_type(text: &str) -> Result<String, AllowedForm> {
    let allowed = "one of a2.3, a4.3, a6.3, a8.3, a10.3, g2.3, g4.3, g6.3, g8.3, g10.3";
    accept_if(INSTANCE_TYPES.contains(&text), text, allowed)
}

/// A number of CPUs.
pub fn cpus(text: &str) -> Result<u32, AllowedForm> {
    number(text)
        .filter(|cpus| *cpus > 0)
        .ok_or("a number of CPUs (1 or more)")
}

/// A number of GPU or VPU slots.
pub fn slots(text: &str) -> Result<u32, AllowedForm> {
    number(text).ok_or("a number of slots (0 or more)")
}

/// The vendor of a GPU.
pub fn gpu_type(text: &str) -> Result<String, AllowedForm> {
    let known = matches!(text, "amd" | "intel" | "nvidia");
    accept_if(known, text, "one of amd, intel, nvidia")
}

/// An amount of memory or disk space.
pub fn size(text: &str) -> Result<String, AllowedForm> {
    let valid = bytes(text).is_some_and(|bytes| bytes >= MIN_SIZE);
    accept_if(valid, text, "a size of 3GB or more, such as 4GB")
}

/// Units count in thousands, units with an `i` in 1024.
fn bytes(text: &str) -> Option<u64> {
    let unit = text.trim_start_matches(|c: char| c.is_ascii_digit());
    let amount: u64 = number(text.strip_suffix(unit)?)?;
    let factor: u64 = match unit.trim_start() {
        "" | "B" => 1,
        "kB" | "KB" => 1000,
        "MB" => 1000_u64.pow(2),
        "GB" => 1000_u64.pow(3),
        "TB" => 1000_u64.pow(4),
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        "TiB" => 1 << 40,
        _ => return None,
    };
    amount.checked_mul(factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn size_without_a_known_unit_or_below_the_minimum_is_refused() {
        for valid in [
            "3GB",
            "3000MB",
            "4 GB",
            "3GiB",
            "2929688KiB",
            "1TB",
            "3000000000",
        ] {
            assert!(size(valid).is_ok(), "{valid}");
        }
        for invalid in [
            "",
            "3",
            "2GB",
            "2.5GB",
            "GB",
            "3gb",
            "-3GB",
            "99999999999999999TB",
        ] {
            assert!(size(invalid).is_err(), "{invalid}");
        }
    }
}
