use std::io::{Read, Seek};

/// A file, or a part of one.
pub(crate) trait ReadSeek: Read + Seek + Send {}

impl<T: Read + Seek + Send> ReadSeek for T {}
