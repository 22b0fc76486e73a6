//! The program `ams`.
fn main() {}
