//! Verifying stored images, reading their manifest, and rewriting it.

mod manifest;
mod rewrite;
mod verify;

pub use manifest::read_image_manifest;
pub use rewrite::rewrite_image;
pub use verify::{verify_content, verify_image};
