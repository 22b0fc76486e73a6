//! What values may be: one function for each kind, which reads the text or says what is allowed.
//!
//! A manifest is held to these rules when it is read, a body that says the same when it arrives.

use std::time::Duration;

use crate::{ApplicationName, NetworkProtocol, VideoEncoder, parse_duration};

/// What a value must be, to follow the words "is not".
pub type Allowed = &'static str;

/// The instance types there are. An application that asks for other amounts names resources.
const INSTANCE_TYPES: &[&str] = &[
    "a2.3", "a4.3", "a6.3", "a8.3", "a10.3", "g2.3", "g4.3", "g6.3", "g8.3", "g10.3",
];

/// The ABIs that Android has, or had.
pub const ABIS: &[&str] = &[
    "arm64-v8a",
    "armeabi",
    "armeabi-v7a",
    "mips",
    "mips64",
    "riscv64",
    "x86",
    "x86_64",
];

/// Memory and disks may not be smaller.
const MIN_SIZE: u64 = 3_000_000_000;

const MAX_HOOK_TIMEOUT: Duration = Duration::from_mins(15);

const MAX_VERSION: usize = 50;

/// What [`name`] takes.
pub const NAME: Allowed = "an application name (1 to 200 of the characters A-Z a-z 0-9 _ . -)";
/// What [`service_name`] takes.
pub const SERVICE_NAME: Allowed = "a name (1 to 100 characters, no spaces)";
/// What [`port`] takes.
pub const PORT: Allowed = "a port (1 to 65535)";
/// What [`target`] takes, in short.
pub const TARGET: Allowed = "a path in the data of the boot package";

/// The name of an application.
pub fn name(text: &str) -> Result<ApplicationName, Allowed> {
    text.parse().map_err(|_| NAME)
}

/// The publisher's own name for a version.
pub fn version(text: &str) -> Result<String, Allowed> {
    let good = text.chars().count() <= MAX_VERSION && !text.contains(char::is_control);
    keep(text, good, "a version (at most 50 characters)")
}

/// The Android ABI that an application is bound to.
pub fn abi(text: &str) -> Result<String, Allowed> {
    let allowed = "one of arm64-v8a, armeabi, armeabi-v7a, mips, mips64, riscv64, x86, x86_64";
    keep(text, ABIS.contains(&text), allowed)
}

/// One of the instance types there are.
pub fn instance_type(text: &str) -> Result<String, Allowed> {
    let allowed = "one of a2.3, a4.3, a6.3, a8.3, a10.3, g2.3, g4.3, g6.3, g8.3, g10.3";
    keep(text, INSTANCE_TYPES.contains(&text), allowed)
}

/// Names of images, addons, features and the like: anything that can be shown in one line.
pub fn line(text: &str) -> Result<String, Allowed> {
    let good = !text.trim().is_empty() && text.len() <= 250 && !text.contains(char::is_control);
    keep(text, good, "a text (1 to 250 characters in one line)")
}

/// Tags are listed separated by commas when registries are filtered by them.
pub fn tag(text: &str) -> Result<String, Allowed> {
    let good = line(text).is_ok() && !text.contains(',');
    keep(text, good, "a tag (1 to 250 characters, no comma)")
}

/// The name of a service.
pub fn service_name(text: &str) -> Result<String, Allowed> {
    let printable = |c: char| !c.is_control() && !c.is_whitespace();
    let good = (1..=100).contains(&text.len()) && text.chars().all(printable);
    keep(text, good, SERVICE_NAME)
}

/// The name of an Android package: two or more identifiers.
pub fn package(text: &str) -> Result<String, Allowed> {
    let good = text.contains('.') && text.split('.').all(is_identifier);
    keep(text, good, "a package name such as com.example.app")
}

/// The name of an Android permission.
pub fn permission(text: &str) -> Result<String, Allowed> {
    let good = text.split('.').all(is_identifier);
    keep(
        text,
        good,
        "a permission such as android.permission.CAMERA, or \"*\"",
    )
}

fn is_identifier(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

/// The name of an Android activity.
pub fn activity(text: &str) -> Result<String, Allowed> {
    let part = |c: char| c.is_alphanumeric() || matches!(c, '_' | '$' | '.' | '/');
    let good = !text.is_empty() && text.chars().all(part);
    keep(
        text,
        good,
        "an activity such as com.example.app.MainActivity",
    )
}

/// How video is encoded.
pub fn video_encoder(text: &str) -> Result<VideoEncoder, Allowed> {
    text.parse()
        .map_err(|_| "one of gpu, gpu-preferred, software, vpu")
}

/// What the present users' YAML reader takes for a truth value.
pub fn boolean(text: &str) -> Result<bool, Allowed> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "yes" | "on" => Ok(true),
        "false" | "no" | "off" => Ok(false),
        _ => Err("true or false"),
    }
}

/// A port.
pub fn port(text: &str) -> Result<u16, Allowed> {
    number(text).filter(|port| *port > 0).ok_or(PORT)
}

/// A transport protocol.
pub fn protocol(text: &str) -> Result<NetworkProtocol, Allowed> {
    match text {
        "tcp" => Ok(NetworkProtocol::Tcp),
        "udp" => Ok(NetworkProtocol::Udp),
        _ => Err("tcp or udp"),
    }
}

/// A number of CPUs.
pub fn cpus(text: &str) -> Result<u32, Allowed> {
    number(text)
        .filter(|cpus| *cpus > 0)
        .ok_or("a number of CPUs (1 or more)")
}

/// A number of slots of a GPU or a VPU.
pub fn slots(text: &str) -> Result<u32, Allowed> {
    number(text).ok_or("a number of slots (0 or more)")
}

/// The vendor of a GPU.
pub fn gpu_type(text: &str) -> Result<String, Allowed> {
    keep(
        text,
        matches!(text, "amd" | "intel" | "nvidia"),
        "one of amd, intel, nvidia",
    )
}

/// An amount of memory or of disk space.
pub fn size(text: &str) -> Result<String, Allowed> {
    let good = bytes(text).is_some_and(|bytes| bytes >= MIN_SIZE);
    keep(text, good, "a size of 3GB or more, such as 4GB")
}

/// Units count in thousands, those with an `i` in 1024.
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

/// How long a hook may take.
pub fn hook_timeout(text: &str) -> Result<String, Allowed> {
    let good = parse_duration(text).is_ok_and(|time| !time.is_zero() && time <= MAX_HOOK_TIMEOUT);
    keep(text, good, "a duration of 15m or less, such as 1m30s")
}

/// A pattern of files of the package.
pub fn keep_pattern(text: &str) -> Result<String, Allowed> {
    let climbs = text.split('/').any(|part| part == "..");
    let good = !text.is_empty() && !text.starts_with('/') && !climbs;
    let pattern = globset::GlobBuilder::new(text)
        .literal_separator(true)
        .build();
    keep(
        text,
        good && pattern.is_ok(),
        "a glob pattern of paths in the package, such as data/*.db",
    )
}

/// The owner and the group of a file.
pub fn owner(text: &str) -> Result<String, Allowed> {
    let word = |part: &str| {
        !part.is_empty()
            && part
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"_-.".contains(&b))
    };
    let good = text
        .split_once(':')
        .is_some_and(|(user, group)| word(user) && word(group));
    keep(text, good, "an owner and a group, such as root:root")
}

/// The permissions of a file.
pub fn permissions(text: &str) -> Result<String, Allowed> {
    let octal = text.bytes().all(|b| (b'0'..=b'7').contains(&b));
    keep(
        text,
        octal && (3..=4).contains(&text.len()),
        "permissions in octal, such as 0644",
    )
}

/// The places of a package in Android's file system.
const TARGETS: [&str; 4] = [
    "/sdcard/Android/obb/",
    "/sdcard/Android/data/",
    "/data/app/",
    "/data/data/",
];

/// Android puts a number or a random text behind the name of the package here.
const INSTALLED: &str = "/data/app/";

/// Where data of the boot package may go. Without a boot package, any package will do.
pub fn target(target: &str, boot_package: &str) -> Result<(), String> {
    let belongs = |prefix: &&str| {
        let prefix = *prefix;
        let Some(rest) = target.strip_prefix(prefix) else {
            return false;
        };
        let owner = rest.split('/').next().unwrap_or_default();
        let installed = owner.split_once('-').filter(|_| prefix == INSTALLED);
        let owner = installed.map_or(owner, |(owner, _)| owner);
        owner == boot_package || (boot_package.is_empty() && package(owner).is_ok())
    };
    let climbs = target.split('/').any(|part| matches!(part, "." | ".."));
    if TARGETS.iter().any(belongs) && !climbs && !target.contains(char::is_control) {
        return Ok(());
    }
    let package = if boot_package.is_empty() {
        "<package>"
    } else {
        boot_package
    };
    let allowed = TARGETS.map(|prefix| format!("{prefix}{package}"));
    Err(format!("a path in {}", allowed.join(", ")))
}

fn number<T: std::str::FromStr>(text: &str) -> Option<T> {
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    text.parse().ok().filter(|_| digits)
}

fn keep(text: &str, good: bool, allowed: Allowed) -> Result<String, Allowed> {
    if good {
        Ok(text.to_owned())
    } else {
        Err(allowed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hook_may_take_a_quarter_of_an_hour() {
        assert!(hook_timeout("15m").is_ok());
        assert!(hook_timeout("15m1ns").is_err());
        assert!(hook_timeout("0s").is_err());
        assert!(hook_timeout("99999999999999999999h").is_err());
    }

    #[test]
    fn sizes_have_units_and_a_lower_bound() {
        for good in [
            "3GB",
            "3000MB",
            "4 GB",
            "3GiB",
            "2929688KiB",
            "1TB",
            "3000000000",
        ] {
            assert!(size(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "3",
            "2GB",
            "2.5GB",
            "GB",
            "3gb",
            "-3GB",
            "99999999999999999TB",
        ] {
            assert!(size(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn targets_are_in_the_four_places_of_the_boot_package() {
        for good in [
            "/sdcard/Android/obb/com.a.b",
            "/sdcard/Android/obb/com.a.b/",
            "/sdcard/Android/data/com.a.b/files/x",
            "/data/app/com.a.b-1/lib",
            "/data/app/com.a.b/lib",
            "/data/data/com.a.b/cache",
        ] {
            assert_eq!(target(good, "com.a.b"), Ok(()), "{good}");
            assert_eq!(target(good, ""), Ok(()), "{good}");
        }
        for bad in [
            "",
            "/",
            "/data",
            "/data/data/",
            "/data/data/com.a.bc/x",
            "/data/data/com.a.b-1/x",
            "/data/data/com.a.b/../com.x.y",
            "/data/app/../../system",
            "data/data/com.a.b",
            "/system/com.a.b",
            "/data/data/com.a.b/\n",
        ] {
            assert!(target(bad, "com.a.b").is_err(), "{bad}");
        }
    }

    #[test]
    fn packages_have_two_parts_that_begin_with_letters() {
        for good in ["com.example", "com.Example_1.x2", "a.b"] {
            assert!(package(good).is_ok(), "{good}");
        }
        for bad in [
            "", "com", "com.", ".com", "com..a", "com.1a", "com._a", "com.a-b", "cöm.a",
        ] {
            assert!(package(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn patterns_stay_in_the_package() {
        for good in ["*", "data/**", "a/[bc]?.{x,y}", "a..b"] {
            assert!(keep_pattern(good).is_ok(), "{good}");
        }
        for bad in ["", "/etc", "../x", "a/../..", "[", "{a"] {
            assert!(keep_pattern(bad).is_err(), "{bad}");
        }
    }
}
