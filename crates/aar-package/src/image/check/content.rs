//! The content of an image: a tar in the canonical form, byte for byte.

use std::mem;

use aar_types::Fingerprint;
use sha2::{Digest as _, Sha256};

use super::{
    CheckedImage,
    entries::{EntryChecker, FileHeader},
};
use crate::{
    Error, Limits,
    tar::{BLOCK, padding},
};

const HEADER: usize = 512;

/// The end marker without its first block.
const END: u64 = BLOCK;

/// Hashes and checks content that arrives in order.
pub(crate) struct ContentChecker<'l> {
    sha256: Sha256,
    entries: EntryChecker<'l>,
    manifest: Vec<u8>,
    state: State,
}

enum State {
    /// The headers of an entry, and how many bytes they have.
    Header(Vec<u8>, usize),
    File {
        left: u64,
        padding: u64,
        is_manifest: bool,
    },
    /// Zeros that fill the last block of a file.
    Padding(u64),
    /// The rest of the end marker.
    End(u64),
}

impl State {
    fn header() -> Self {
        Self::Header(Vec::new(), HEADER)
    }

    fn file(file: &FileHeader) -> Self {
        match file.size {
            0 => Self::header(),
            left => Self::File {
                left,
                padding: padding(left),
                is_manifest: file.is_manifest,
            },
        }
    }

    fn padding(left: u64) -> Self {
        if left == 0 {
            Self::header()
        } else {
            Self::Padding(left)
        }
    }
}

impl<'l> ContentChecker<'l> {
    /// Starts the check of the content of an image with this many stored bytes.
    pub(crate) fn new(size: u64, limits: &'l Limits) -> Self {
        Self {
            sha256: Sha256::new(),
            entries: EntryChecker::new(size, limits),
            manifest: Vec::new(),
            state: State::header(),
        }
    }

    pub(crate) fn push(&mut self, mut content: &[u8]) -> Result<(), Error> {
        self.sha256.update(content);
        while !content.is_empty() {
            let used = self.step(content)?;
            content = &content[used..];
        }
        Ok(())
    }

    pub(crate) fn finish(self) -> Result<CheckedImage, Error> {
        if !matches!(self.state, State::End(0)) {
            return Err(Error::image("its tar is truncated"));
        }
        Ok(CheckedImage {
            fingerprint: Fingerprint::from_bytes(self.sha256.finalize().into()),
            manifest: self.entries.finish(self.manifest)?,
        })
    }

    /// Checks as much of the content as belongs to one part of the tar. Returns its size.
    fn step(&mut self, content: &[u8]) -> Result<usize, Error> {
        match &mut self.state {
            State::Header(header, size) => {
                let used = content.len().min(*size - header.len());
                header.extend_from_slice(&content[..used]);
                if header.len() == *size {
                    self.end_header()?;
                }
                Ok(used)
            }
            State::File {
                left,
                padding,
                is_manifest,
            } => {
                let part = at_most(content, *left);
                if *is_manifest {
                    self.manifest.extend_from_slice(part);
                }
                *left -= part.len() as u64;
                if *left == 0 {
                    self.state = State::padding(*padding);
                }
                Ok(part.len())
            }
            State::Padding(left) => {
                let used = zeros(content, left)?;
                if *left == 0 {
                    self.state = State::header();
                }
                Ok(used)
            }
            State::End(0) => Err(Error::image("there is content after the end of its tar")),
            State::End(left) => zeros(content, left),
        }
    }

    fn end_header(&mut self) -> Result<(), Error> {
        let State::Header(header, size) = &mut self.state else {
            return Ok(());
        };
        if header.len() == HEADER {
            if header.iter().all(|byte| *byte == 0) {
                self.state = State::End(END);
                return Ok(());
            }
            *size = self.entries.headers_size(header)?;
            if *size > HEADER {
                return Ok(());
            }
        }
        let header = mem::take(header);
        self.state = State::file(&self.entries.add(&header)?);
        Ok(())
    }
}

/// The part of the content that is no longer than this.
fn at_most(content: &[u8], left: u64) -> &[u8] {
    let left = usize::try_from(left).unwrap_or(usize::MAX);
    &content[..left.min(content.len())]
}

/// Checks that the content has only zeros up to the end of a block. Returns their number.
fn zeros(content: &[u8], left: &mut u64) -> Result<usize, Error> {
    let part = at_most(content, *left);
    if part.iter().any(|byte| *byte != 0) {
        return Err(Error::image("the padding of its tar is not zero"));
    }
    *left -= part.len() as u64;
    Ok(part.len())
}
