//! Black-box tests: the built programs, driven from outside through the documented commands.
//!
//! The tests are in `tests/`, one file for each behaviour; `cargo xtask test -p e2e withdrawal` runs one
//! of them. The fixtures are in `aar-testkit`.
