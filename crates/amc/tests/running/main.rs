//! Every command against a running AMS, in every form of output, and what is said when something
//! is wrong: each snapshot is a session at a shell.
//!
//! What differs from run to run is shown by what it is: `<id>`, `<time>`, `<fingerprint>`.

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
mod session;
#[cfg(test)]
mod terminal;
