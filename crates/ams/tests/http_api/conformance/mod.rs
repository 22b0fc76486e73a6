//! Whether AMS keeps to the published definition of its API (`ams-api.yaml`): every operation of it
//! is called on a running AMS beside a running registry, and every answer is held against it.
//!
//! The definition is lenient: it demands no property and forbids none. The suite is not: what the
//! definition names has to be there, and what it does not name must not.

mod calls;
mod definition;
mod examples;
mod property;
mod tool;
mod walk;
mod widened;
