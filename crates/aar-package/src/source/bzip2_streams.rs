use std::io::{self, BufRead, Read};

use bzip2::bufread::BzDecoder;

/// Reads bzip2 streams, one after the other. Padding between and behind them is skipped: programs that
/// write to tapes or pipes fill blocks with zeros, and editors add a newline.
pub(super) struct Bzip2Streams<R: BufRead> {
    /// None after an error.
    decoder: Option<BzDecoder<R>>,
    is_at_end: bool,
}

impl<R: BufRead> Bzip2Streams<R> {
    pub(super) fn new(file: R) -> Self {
        Self {
            decoder: Some(BzDecoder::new(file)),
            is_at_end: false,
        }
    }

    /// Goes to the next stream. Returns whether there is one.
    fn next_stream(&mut self) -> io::Result<bool> {
        let decoder = self.decoder.take().ok_or(io::ErrorKind::InvalidData)?;
        let mut file = decoder.into_inner();
        let next = skip_padding(&mut file)?;
        self.decoder = Some(BzDecoder::new(file));
        match next {
            None => Ok(false),
            Some(b'B') => Ok(true),
            Some(_) => {
                let message = "there is other content behind the bzip2 stream";
                Err(io::Error::new(io::ErrorKind::InvalidData, message))
            }
        }
    }
}

/// Returns the next byte that is not padding.
fn skip_padding(file: &mut impl BufRead) -> io::Result<Option<u8>> {
    loop {
        let buffer = file.fill_buf()?;
        let is_padding = |byte: &u8| *byte == 0 || byte.is_ascii_whitespace();
        let padding = buffer.iter().take_while(|byte| is_padding(byte)).count();
        let (next, is_end) = (buffer.get(padding).copied(), buffer.is_empty());
        file.consume(padding);
        if next.is_some() || is_end {
            return Ok(next);
        }
    }
}

impl<R: BufRead> Read for Bzip2Streams<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while !self.is_at_end && !buffer.is_empty() {
            let decoder = self.decoder.as_mut().ok_or(io::ErrorKind::InvalidData)?;
            match decoder.read(buffer)? {
                0 => self.is_at_end = !self.next_stream()?,
                count => return Ok(count),
            }
        }
        Ok(0)
    }
}
