//! Conformance of AMS to the published definition of its API, `ams-api.yaml`. The suite calls every operation
//! on a running AMS with a running registry and validates every response.
//!
//! The definition requires no property and forbids none. The suite is stricter: properties of the
//! definition are required, and others are forbidden.

mod calls;
mod definition;
mod examples;
mod property;
mod tool;
mod tool_definition;
mod walk;
