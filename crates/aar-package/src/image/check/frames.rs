//! The compressed form of an image: independent Zstandard frames, and the table that lists them.

use std::mem;

use zstd::zstd_safe::{
    DCtx, DParameter, InBuffer, MAGIC_SKIPPABLE_START, MAGICNUMBER, OutBuffer, get_error_name,
};

use super::table::{FrameList, TableChecker};
use crate::{
    Error,
    seekable::{MAX_FRAME, MAX_FRAMES},
};

/// The magic number of the skippable frame that holds the table.
const TABLE_MAGIC: u32 = MAGIC_SKIPPABLE_START + 0xe;

const BUFFER: usize = 128 << 10;

pub(super) type Sink<'s> = &'s mut dyn FnMut(&[u8]) -> Result<(), Error>;

/// Decompresses frames and checks that the table lists exactly these.
pub(super) struct FrameChecker {
    decompressor: DCtx<'static>,
    buffer: Vec<u8>,
    state: State,
    list: FrameList,
}

enum State {
    /// Before a frame, with the first bytes of its magic number.
    Start(Vec<u8>),
    /// In a frame, with the number of its stored bytes and of its content so far.
    Frame(usize, usize),
    Table(Box<TableChecker>),
}

impl FrameChecker {
    pub(super) fn new() -> Result<Self, Error> {
        let mut decompressor = DCtx::create();
        let limit = DParameter::WindowLogMax(MAX_FRAME.ilog2());
        decompressor.set_parameter(limit).map_err(damaged)?;
        Ok(Self {
            decompressor,
            buffer: vec![0; BUFFER],
            state: State::Start(Vec::new()),
            list: FrameList::default(),
        })
    }

    /// Passes the content of the next bytes to the sink.
    pub(super) fn push(&mut self, mut stored: &[u8], sink: Sink<'_>) -> Result<(), Error> {
        while !stored.is_empty() {
            let used = match &mut self.state {
                State::Start(_) => self.start(stored, sink)?,
                State::Frame(..) => self.decompress(stored, sink)?,
                State::Table(table) => {
                    table.push(stored)?;
                    stored.len()
                }
            };
            stored = &stored[used..];
        }
        Ok(())
    }

    pub(super) fn finish(self) -> Result<(), Error> {
        match self.state {
            State::Table(table) => table.finish(),
            State::Start(_) | State::Frame(..) => {
                Err(Error::image("it ends before its seek table"))
            }
        }
    }

    /// Decides by the magic number whether a frame or the table starts. Returns the number of bytes
    /// used.
    fn start(&mut self, stored: &[u8], sink: Sink<'_>) -> Result<usize, Error> {
        let State::Start(magic) = &mut self.state else {
            return Ok(0);
        };
        let used = stored.len().min(size_of::<u32>() - magic.len());
        magic.extend_from_slice(&stored[..used]);
        let Ok(magic) = <[u8; 4]>::try_from(&**magic) else {
            return Ok(used);
        };
        match u32::from_le_bytes(magic) {
            MAGICNUMBER if u64::from(self.list.count()) < MAX_FRAMES => {
                self.state = State::Frame(0, 0);
                self.decompress(&magic, sink)?;
            }
            MAGICNUMBER => return Err(Error::image("it has too many frames")),
            TABLE_MAGIC => {
                self.state = State::Table(Box::new(TableChecker::new(mem::take(&mut self.list))));
            }
            _ => return Err(Error::image("it is not in the seekable Zstandard format")),
        }
        Ok(used)
    }

    /// Decompresses to the end of the frame or of the input. Returns the number of bytes used.
    fn decompress(&mut self, stored: &[u8], sink: Sink<'_>) -> Result<usize, Error> {
        let State::Frame(compressed, content) = &mut self.state else {
            return Ok(0);
        };
        let mut input = InBuffer::around(stored);
        loop {
            let mut output = OutBuffer::around(&mut self.buffer[..]);
            let result = self.decompressor.decompress_stream(&mut output, &mut input);
            let is_ended = result.map_err(damaged)? == 0;
            let is_full = output.pos() == BUFFER;
            *content += output.pos();
            if *content > MAX_FRAME {
                return Err(Error::image("a frame is too large"));
            }
            sink(output.as_slice())?;
            if is_ended || (input.pos() == stored.len() && !is_full) {
                *compressed += input.pos();
                let sizes = (*compressed, *content);
                if is_ended {
                    self.end_frame(sizes)?;
                }
                return Ok(input.pos());
            }
        }
    }

    fn end_frame(&mut self, (compressed, content): (usize, usize)) -> Result<(), Error> {
        let size = |size| u32::try_from(size).map_err(|_| Error::image("a frame is too large"));
        self.list.add(size(compressed)?, size(content)?);
        self.state = State::Start(Vec::new());
        Ok(())
    }
}

fn damaged(code: usize) -> Error {
    Error::image(format!("it is damaged: {}", get_error_name(code)))
}
