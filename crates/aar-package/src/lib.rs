//! What is shipped: packages as publishers make them, and the canonical image made of one.
mod apk;
mod error;
mod image;
mod limits;
mod manifest;
mod package;
mod path;

pub use apk::check_architecture;
pub use error::{Error, Problem};
pub use image::{read_image_manifest, rewrite_image, verify_image};
pub use limits::Limits;
pub use manifest::{Complaint, Manifest, ManifestErrors, Position, Reason, read_manifest};
pub use package::Package;
pub use path::PathProblem;
