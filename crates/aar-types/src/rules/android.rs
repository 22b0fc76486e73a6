use super::{AllowedForm, accept_if};

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

/// The form that [`target`] allows, in short.
pub const TARGET: AllowedForm = "a path in the data of the boot package";

/// The folders of Android that hold the data of packages.
const DATA_FOLDERS: [&str; 4] = [
    "/sdcard/Android/obb/",
    "/sdcard/Android/data/",
    INSTALLED,
    "/data/data/",
];

/// Android appends a number or a random text to the name of the package here.
const INSTALLED: &str = "/data/app/";

/// The Android ABI that an application requires.
pub fn abi(text: &str) -> Result<String, AllowedForm> {
    let allowed = "one of arm64-v8a, armeabi, armeabi-v7a, mips, mips64, riscv64, x86, x86_64";
    accept_if(ABIS.contains(&text), text, allowed)
}

/// The name of an Android package: two or more identifiers.
pub fn package(text: &str) -> Result<String, AllowedForm> {
    let valid = text.contains('.') && text.split('.').all(is_identifier);
    accept_if(valid, text, "a package name such as com.example.app")
}

/// The name of an Android permission.
pub fn permission(text: &str) -> Result<String, AllowedForm> {
    let allowed = "a permission such as android.permission.CAMERA, or \"*\"";
    accept_if(text.split('.').all(is_identifier), text, allowed)
}

fn is_identifier(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

/// The name of an Android activity.
pub fn activity(text: &str) -> Result<String, AllowedForm> {
    let allowed = "an activity such as com.example.app.MainActivity";
    let part = |c: char| c.is_alphanumeric() || matches!(c, '_' | '$' | '.' | '/');
    accept_if(!text.is_empty() && text.chars().all(part), text, allowed)
}

/// A glob pattern of paths in the package.
pub fn keep_pattern(text: &str) -> Result<String, AllowedForm> {
    let allowed = "a glob pattern of paths in the package, such as data/*.db";
    let climbs = text.split('/').any(|part| part == "..");
    let inside = !text.is_empty() && !text.starts_with('/') && !climbs;
    let pattern = globset::GlobBuilder::new(text)
        .literal_separator(true)
        .build();
    accept_if(inside && pattern.is_ok(), text, allowed)
}

/// The owner and the group of a file.
pub fn owner(text: &str) -> Result<String, AllowedForm> {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b"_-.".contains(&b);
    let is_name = |part: &str| !part.is_empty() && part.bytes().all(allowed);
    let valid = text
        .split_once(':')
        .is_some_and(|(user, group)| is_name(user) && is_name(group));
    accept_if(valid, text, "an owner and a group, such as root:root")
}

/// The permissions of a file.
pub fn permissions(text: &str) -> Result<String, AllowedForm> {
    let octal = text.bytes().all(|b| (b'0'..=b'7').contains(&b));
    let valid = octal && (3..=4).contains(&text.len());
    accept_if(valid, text, "permissions in octal, such as 0644")
}

/// The target of extra data: a path in the data of the boot package, or of any package where there
/// is no boot package.
pub fn target(target: &str, boot_package: &str) -> Result<(), String> {
    let in_package_data = |folder: &&str| {
        let Some(path) = target.strip_prefix(*folder) else {
            return false;
        };
        let owner = path.split('/').next().unwrap_or_default();
        let installed = owner.split_once('-').filter(|_| *folder == INSTALLED);
        let owner = installed.map_or(owner, |(owner, _)| owner);
        owner == boot_package || (boot_package.is_empty() && package(owner).is_ok())
    };
    let climbs = target.split('/').any(|part| matches!(part, "." | ".."));
    if DATA_FOLDERS.iter().any(in_package_data) && !climbs && !target.contains(char::is_control) {
        return Ok(());
    }
    let package = if boot_package.is_empty() {
        "<package>"
    } else {
        boot_package
    };
    let allowed = DATA_FOLDERS.map(|folder| format!("{folder}{package}"));
    Err(format!("a path in {}", allowed.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn target_outside_the_data_of_the_boot_package_is_refused() {
        for valid in [
            "/sdcard/Android/obb/com.a.b",
            "/sdcard/Android/obb/com.a.b/",
            "/sdcard/Android/data/com.a.b/files/x",
            "/data/app/com.a.b-1/lib",
            "/data/app/com.a.b/lib",
            "/data/data/com.a.b/cache",
        ] {
            assert_eq!(target(valid, "com.a.b"), Ok(()), "{valid}");
            assert_eq!(target(valid, ""), Ok(()), "{valid}");
        }
        for invalid in [
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
            assert!(target(invalid, "com.a.b").is_err(), "{invalid}");
        }
    }

    #[test]
    fn package_without_two_identifiers_is_refused() {
        for valid in ["com.example", "com.Example_1.x2", "a.b"] {
            assert!(package(valid).is_ok(), "{valid}");
        }
        for invalid in [
            "", "com", "com.", ".com", "com..a", "com.1a", "com._a", "com.a-b", "cöm.a",
        ] {
            assert!(package(invalid).is_err(), "{invalid}");
        }
    }

    #[test]
    fn keep_pattern_outside_the_package_is_refused() {
        for valid in ["*", "data/**", "a/[bc]?.{x,y}", "a..b"] {
            assert!(keep_pattern(valid).is_ok(), "{valid}");
        }
        for invalid in ["", "/etc", "../x", "a/../..", "[", "{a"] {
            assert!(keep_pattern(invalid).is_err(), "{invalid}");
        }
    }
}
