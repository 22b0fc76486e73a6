//! The program `amc`.
fn main() {}
