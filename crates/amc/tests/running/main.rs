//! Every command against a running AMS, in every output format, with its errors: each snapshot is the
//! transcript of a shell.
//!
//! Values that differ in every run are replaced: `<id>`, `<time>`, `<fingerprint>`.

#[cfg(test)]
mod applications;
#[cfg(test)]
mod configuration;
#[cfg(test)]
mod coverage;
#[cfg(test)]
mod events;
#[cfg(test)]
mod exports;
#[cfg(test)]
mod registry;
#[cfg(test)]
mod remotes;
#[cfg(test)]
mod terminal;
#[cfg(test)]
mod transcript;
