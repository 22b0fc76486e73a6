//! Files that survive a power cut.
//!
//! A file gets its final name only after its content is on disk, and a function returns only after
//! the name is on disk too. Folders and files are private unless the caller asks otherwise.
//!
//! All functions block: an asynchronous caller runs them on a blocking thread.

mod error;
mod folder;
mod hash;
mod new_file;
mod rename;
mod reserve;
mod volume;

pub use error::{if_exists, is_storage_full, remove_if_exists};
pub use folder::{create_private_folder, sync_folder, sync_parent};
pub use hash::{HashingWriter, Sha256Hasher, digest_of, hash_reader};
pub use new_file::{
    NewFile, PRIVATE, PUBLIC, check_replaceable, create_private_file, create_with, probe_writable,
    replace_with, replace_within,
};
pub use rename::{place, rename};
pub use reserve::Reserve;
pub use volume::{Volume, VolumeFull};
