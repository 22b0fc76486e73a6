//! `ams check-config`: validates the settings file.

use std::path::Path;

use aar_cli::{Failure, Printer};
use aar_daemon::{
    BaseDir,
    base_dir::{Program, resolve},
};

use super::{SETTINGS, settings};

/// Refuses a missing base folder, which opening would create.
pub(super) fn require_base_dir(named: Option<&Path>) -> Result<(), Failure> {
    let base = resolve(Program::Ams, named.map(Path::to_owned));
    // A folder that cannot be examined exists; opening it reports the error.
    if base.try_exists().unwrap_or(true) {
        return Ok(());
    }
    let missing = format!("the base folder {} does not exist", base.display());
    let hint = "`ams serve` creates it; choose another one with --base-dir or AMS_BASE_DIR";
    Err(Failure::new(missing).with_hint(hint))
}

pub(super) fn run(base: &BaseDir, printer: &Printer) -> Result<(), Failure> {
    let settings = settings(base).map_err(|error| Failure::from_error(error.as_ref()))?;
    let file = base.join(SETTINGS);
    if !file.try_exists().unwrap_or(true) {
        let file = file.display();
        printer.note(format_args!("{file} does not exist: the defaults apply"));
        return Ok(());
    }
    for warning in settings.warnings() {
        printer.warn(warning);
    }
    printer.note("the settings are valid");
    Ok(())
}
