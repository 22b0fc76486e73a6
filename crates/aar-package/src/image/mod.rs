//! Checking and verifying images, reading their manifest, and rewriting it.

mod check;
mod manifest;
mod rewrite;
mod verify;

pub use check::{CheckedImage, ImageChecker, check_image};
pub use manifest::read_image_manifest;
pub use rewrite::rewrite_image;
pub use verify::{verify_content, verify_image};
