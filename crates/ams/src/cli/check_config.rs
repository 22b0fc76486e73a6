//! `ams check-config`: whether `ams serve` would take the settings file.

use aar_cli::{Failure, Printer};
use aar_daemon::BaseDir;

use super::settings;

/// Reads the settings and says what is wrong, or that nothing is.
pub(super) fn run(base: &BaseDir, printer: &Printer) -> Result<(), Failure> {
    settings(base).map_err(|error| Failure::from_error(error.as_ref()))?;
    printer.note("the settings are good");
    Ok(())
}
