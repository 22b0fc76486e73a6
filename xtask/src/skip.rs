//! A part that cannot be tested on this machine is skipped and named; where `CI` is set, a skip is a
//! failure.

use anyhow::{Error, Result, bail};

pub(crate) fn skip(part: &str, reason: &Error) -> Result<()> {
    if std::env::var_os("CI").is_some() {
        bail!("cannot test {part}: {reason:#}");
    }
    eprintln!("SKIPPED: {part}: {reason:#}");
    Ok(())
}
