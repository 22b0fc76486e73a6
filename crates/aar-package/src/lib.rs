//! What is shipped: packages as publishers make them, and the canonical image made of one.
//!
//! A [`Package`] is opened from a folder or an archive, which may come from anybody: everything in
//! it is checked before it is used, within [`Limits`], and refusals name the entry. What it holds
//! becomes an image: a tar in its canonical form, compressed in the seekable Zstandard format. The
//! same content makes the same tar, and so the same fingerprint, on every machine.
//!
//! All functions block; asynchronous callers run them on threads for that. None of them holds an
//! image in memory, nor anything that grows with it.

mod apk;
mod disk;
mod error;
mod image;
mod limits;
mod manifest;
mod metered;
mod package;
mod path;
mod seekable;
mod source;
mod tar;
mod tree;

pub use apk::check_architecture;
pub use error::{Error, Problem};
pub use image::{read_image_manifest, rewrite_image, verify_content, verify_image};
pub use limits::Limits;
pub use manifest::{Complaint, Manifest, ManifestErrors, Position, Reason, read_manifest};
pub use package::Package;
pub use path::PathProblem;
