//! Packages as publishers make them, and the canonical image of a package.
//!
//! A [`Package`] is opened from a folder or an archive of any origin: every entry is checked before
//! it is used, within [`Limits`], and errors name the entry. The content of a package becomes an
//! image: a tar in canonical form, compressed in the seekable Zstandard format. The same content
//! makes the same tar, and so the same fingerprint, on every machine.
//!
//! All functions block; asynchronous callers run them on a blocking thread. None of them holds an
//! image, or anything that grows with it, in memory.

mod apk;
mod error;
mod image;
mod limits;
mod manifest;
mod package;
mod path;
mod progress;
mod read_seek;
mod seekable;
mod source;
mod tar;
mod tree;
mod zip_directory;

pub use apk::check_architecture;
pub use error::{EntryError, Error};
pub use image::{
    CheckedImage, ImageChecker, check_image, read_image_manifest, rewrite_image, verify_content,
    verify_image,
};
pub use limits::Limits;
pub use manifest::{
    Manifest, ManifestError, ManifestErrorKind, ManifestErrors, Position, read_manifest,
    read_manifest_with_warnings,
};
pub use package::Package;
pub use path::PathError;
