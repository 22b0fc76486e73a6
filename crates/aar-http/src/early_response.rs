//! A response that comes before the request was sent whole.
//!
//! A server that refuses a request early answers, closes, and resets the connection because data still
//! arrives. The next write of the client fails then, but the response is in the receive buffer already.
//! So a write that fails because the peer has closed counts as done: the rest of the request goes
//! nowhere, and reading tells what the peer said. When it said nothing, reading ends with the failure of
//! the write.

use std::{
    io::{self, ErrorKind, IoSlice},
    pin::Pin,
    task::{Context, Poll},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A connection on which reading goes on after the peer has closed its side for writes.
pub(crate) struct ReadPastWriteFailure<T> {
    io: T,
    failure: Option<io::Error>,
}

impl<T> ReadPastWriteFailure<T> {
    pub(crate) fn new(io: T) -> Self {
        Self { io, failure: None }
    }

    /// Turns a write that the peer cut off into one of all `length` bytes.
    fn absorb(
        &mut self,
        length: usize,
        written: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        match written {
            Poll::Ready(Err(error)) if is_closed_by_peer(&error) => {
                self.failure = Some(error);
                Poll::Ready(Ok(length))
            }
            written => written,
        }
    }
}

fn is_closed_by_peer(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::BrokenPipe | ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted
    )
}

impl<T: AsyncRead + Unpin> AsyncRead for ReadPastWriteFailure<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let read = Pin::new(&mut self.io).poll_read(cx, buf);
        let is_end = matches!(read, Poll::Ready(Ok(()))) && buf.filled().len() == before;
        match self.failure.take() {
            Some(failure) if is_end => Poll::Ready(Err(failure)),
            failure => {
                self.failure = failure;
                read
            }
        }
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for ReadPastWriteFailure<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.failure.is_some() {
            return Poll::Ready(Ok(buf.len()));
        }
        let written = Pin::new(&mut self.io).poll_write(cx, buf);
        self.absorb(buf.len(), written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let length = bufs.iter().map(|buf| buf.len()).sum();
        if self.failure.is_some() {
            return Poll::Ready(Ok(length));
        }
        let written = Pin::new(&mut self.io).poll_write_vectored(cx, bufs);
        self.absorb(length, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.failure.is_some() {
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.failure.is_some() {
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}
