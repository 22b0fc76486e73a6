//! Black-box suites: the built programs, driven from outside through the documented commands.
//!
//! The suites are in `tests/`, one file for each behaviour; `cargo test -p e2e withdrawal` runs
//! one of them. What they stand on is in `aar-testkit`.
