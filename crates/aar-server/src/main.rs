//! The program `aar`.
fn main() {}
