//! The terminal side of a command line: what `aar` and `amc` share in how they speak to people.
//!
//! A command is a function of resolved values that returns an [`Exit`] or an error. It speaks
//! through one [`Printer`]: data goes to standard output, everything else to standard error, so
//! that output can always be piped. Listings come in four [`Format`]s from one description
//! ([`Rows`]); progress is drawn on terminals only; colour is not used, so nothing depends on it.

mod completion;
mod exit;
mod failure;
mod format;
mod listing;
mod printer;
mod progress;
mod reference;
mod units;

pub use completion::{CompletionArgs, Shell};
pub use exit::{Exit, parse};
pub use failure::Failure;
pub use format::{DocumentFormat, Format};
pub use listing::Rows;
pub use printer::{Captured, Printer};
pub use progress::Progress;
pub use reference::print_reference;
pub use units::{Age, Bytes};
