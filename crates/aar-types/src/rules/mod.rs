//! The rules for values of a manifest: one function for each kind of value.
//!
//! Each function parses a text or returns the allowed form. A manifest is checked by these rules
//! when it is read, and a request body when it arrives ([`RuleViolation`]).

mod android;
mod check;
mod resources;

pub use android::{
    ABIS, TARGET, abi, activity, keep_pattern, owner, package, permission, permissions, target,
};
pub use check::RuleViolation;
pub use resources::{cpus, gpu_type, instance_type, size, slots};

use std::time::Duration;

use crate::{ApplicationName, NetworkProtocol, VideoEncoder, parse_duration};

/// The form that a rule allows, worded to follow "is not".
pub type AllowedForm = &'static str;

const MAX_HOOK_TIMEOUT: Duration = Duration::from_mins(15);

/// How many characters the version name of an APK may have.
pub const MAX_APK_VERSION_NAME: usize = 250;
const MAX_VERSION_CHARACTERS: usize = 50;

/// The form that [`name`] allows.
pub const NAME: AllowedForm = "an application name (1 to 200 of the characters A-Z a-z 0-9 _ . -)";
/// The form that [`service_name`] allows.
pub const SERVICE_NAME: AllowedForm = "a name (1 to 100 characters, no spaces)";
/// The form that [`port`] allows.
pub const PORT: AllowedForm = "a port (1 to 65535)";

/// The name of an application.
pub fn name(text: &str) -> Result<ApplicationName, AllowedForm> {
    text.parse().map_err(|_| NAME)
}

/// The publisher's own name for a version.
pub fn version(text: &str) -> Result<String, AllowedForm> {
    let short = text.chars().count() <= MAX_VERSION_CHARACTERS;
    let valid = short && !text.contains(char::is_control);
    accept_if(valid, text, "a version (at most 50 characters)")
}

/// The name of an image, an addon, a feature and the like: any text that fits in one line.
pub fn line(text: &str) -> Result<String, AllowedForm> {
    let valid = !text.trim().is_empty() && text.len() <= 250 && !text.contains(char::is_control);
    accept_if(valid, text, "a text (1 to 250 characters in one line)")
}

/// The version name of an APK, for people.
pub fn apk_version_name(text: &str) -> Result<String, AllowedForm> {
    let valid = text.chars().count() <= MAX_APK_VERSION_NAME && !text.contains(char::is_control);
    accept_if(
        valid,
        text,
        "a version name (at most 250 characters in one line)",
    )
}

/// A tag. It has no comma, because filters list tags separated by commas.
pub fn tag(text: &str) -> Result<String, AllowedForm> {
    let valid = line(text).is_ok() && !text.contains(',');
    accept_if(valid, text, "a tag (1 to 250 characters, no comma)")
}

/// The name of a network service.
pub fn service_name(text: &str) -> Result<String, AllowedForm> {
    let printable = |c: char| !c.is_control() && !c.is_whitespace();
    let valid = (1..=100).contains(&text.len()) && text.chars().all(printable);
    accept_if(valid, text, SERVICE_NAME)
}

/// A video encoder.
pub fn video_encoder(text: &str) -> Result<VideoEncoder, AllowedForm> {
    text.parse()
        .map_err(|_| "one of gpu, gpu-preferred, software, vpu")
}

/// A boolean. YAML 1.1 readers accept `yes`, `y` and `on` too, and manifests use them.
pub fn boolean(text: &str) -> Result<bool, AllowedForm> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "yes" | "y" | "on" => Ok(true),
        "false" | "no" | "n" | "off" => Ok(false),
        _ => Err("true or false"),
    }
}

/// A TCP or UDP port.
pub fn port(text: &str) -> Result<u16, AllowedForm> {
    number(text).filter(|port| *port > 0).ok_or(PORT)
}

/// A transport protocol.
pub fn protocol(text: &str) -> Result<NetworkProtocol, AllowedForm> {
    match text {
        "tcp" => Ok(NetworkProtocol::Tcp),
        "udp" => Ok(NetworkProtocol::Udp),
        _ => Err("tcp or udp"),
    }
}

/// The time limit of a hook.
pub fn hook_timeout(text: &str) -> Result<String, AllowedForm> {
    let valid = parse_duration(text).is_ok_and(|time| !time.is_zero() && time <= MAX_HOOK_TIMEOUT);
    accept_if(valid, text, "a duration of 15m or less, such as 1m30s")
}

fn number<T: std::str::FromStr>(text: &str) -> Option<T> {
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    text.parse().ok().filter(|_| digits)
}

fn accept_if(valid: bool, text: &str, allowed: AllowedForm) -> Result<String, AllowedForm> {
    if valid {
        Ok(text.to_owned())
    } else {
        Err(allowed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hook_timeout_is_at_most_15_minutes() {
        assert!(hook_timeout("15m").is_ok());
        assert!(hook_timeout("15m1ns").is_err());
        assert!(hook_timeout("0s").is_err());
        assert!(hook_timeout("99999999999999999999h").is_err());
    }
}
