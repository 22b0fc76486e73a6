//! `ams check-config`: whether `ams serve` would take the settings file.

use aar_cli::{Failure, Printer};
use aar_daemon::BaseDir;
use ams::Settings;

use super::SETTINGS;

/// Reads the file and says what is wrong, or that nothing is.
pub(super) fn run(base: &BaseDir, printer: &Printer) -> Result<(), Failure> {
    Settings::load(&base.join(SETTINGS)).map_err(|error| Failure::from_error(&error))?;
    printer.note("the settings are good");
    Ok(())
}
