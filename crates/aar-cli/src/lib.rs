//! The terminal side of the command lines `aar`, `ams` and `amc`.
//!
//! A command is a function of resolved values that returns an [`Exit`] or an error. It prints
//! through one [`Printer`]: data goes to standard output, everything else to standard error, so
//! that output can always be piped. One description of an object ([`Rows`]) gives its listing in four
//! [`Format`]s. Progress is drawn on terminals only. Colour is not used, so nothing depends on it.

mod closed_output;
mod completion;
mod confirm;
mod exit;
mod failure;
mod format;
mod listing;
mod printer;
mod progress;
mod reference;
mod units;

pub use closed_output::is_closed_output;
pub use completion::{CompletionArgs, Shell};
pub use exit::{Exit, parse};
pub use failure::Failure;
pub use format::{DocumentFormat, Format};
pub use listing::Rows;
pub use printer::{Captured, Printer};
pub use progress::Progress;
pub use reference::print_reference;
pub use units::{Bytes, Seconds};
