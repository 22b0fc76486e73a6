//! What cannot be tested here is skipped, loudly and by name; where `CI` is set, that is a failure.

use anyhow::{Error, Result, bail};

/// Says that a part is not tested, and why.
pub(crate) fn skip(what: &str, reason: &Error) -> Result<()> {
    if std::env::var_os("CI").is_some() {
        bail!("cannot test {what}: {reason:#}");
    }
    eprintln!("SKIPPED: {what}: {reason:#}");
    Ok(())
}
