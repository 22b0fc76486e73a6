use crate::Error;
use aar_types::{ApkFacts, Architecture};

/// Refuses an APK whose native code does not run on the architecture.
pub fn check_architecture(facts: &ApkFacts, architecture: Architecture) -> Result<(), Error> {
    todo!("{facts:?} {architecture}")
}
