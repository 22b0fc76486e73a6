//! `ams check-config`: whether `ams serve` would take the settings file.

use std::path::Path;

use aar_cli::{Failure, Printer};
use aar_daemon::{
    BaseDir,
    base_dir::{Program, resolve},
};

use super::{SETTINGS, settings};

/// Refuses a base folder that is not there: looking does not make one.
pub(super) fn require(named: Option<&Path>) -> Result<(), Failure> {
    let base = resolve(Program::Ams, named.map(Path::to_owned));
    // What may not be looked at is there; opening it says the rest.
    if base.try_exists().unwrap_or(true) {
        return Ok(());
    }
    let missing = format!("there is no base folder {}", base.display());
    let hint = "`ams serve` makes it; another is chosen with --base-dir or AMS_BASE_DIR";
    Err(Failure::new(missing).with_hint(hint))
}

/// Reads the settings and says what is wrong, or that nothing is.
pub(super) fn run(base: &BaseDir, printer: &Printer) -> Result<(), Failure> {
    settings(base).map_err(|error| Failure::from_error(error.as_ref()))?;
    let file = base.join(SETTINGS);
    if !file.try_exists().unwrap_or(true) {
        let file = file.display();
        printer.note(format_args!("there is no {file}: the defaults hold"));
        return Ok(());
    }
    printer.note("the settings are good");
    Ok(())
}
