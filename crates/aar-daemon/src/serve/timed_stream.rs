//! A connection that fails when its peer reads nothing for too long.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::{alarm::Alarm, peer::TimeLimits};

/// The stream. It limits writes only: a request in flight may wait for as long as its handler likes.
pub(super) struct TimedStream<I> {
    io: I,
    alarm: Alarm,
}

impl<I> TimedStream<I> {
    pub(super) fn new(io: I, limits: TimeLimits) -> Self {
        Self {
            io,
            alarm: Alarm::new(limits.write),
        }
    }

    fn poll_timed<T>(
        &mut self,
        cx: &mut Context<'_>,
        write: impl FnOnce(Pin<&mut I>, &mut Context<'_>) -> Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>>
    where
        I: Unpin,
    {
        if let Poll::Ready(done) = write(Pin::new(&mut self.io), cx) {
            self.alarm.stop();
            return Poll::Ready(done);
        }
        self.alarm.poll(cx).map(|limit| {
            let message = format!("the peer read nothing for {} s", limit.as_secs());
            Err(io::Error::new(io::ErrorKind::TimedOut, message))
        })
    }
}

impl<I: AsyncRead + Unpin> AsyncRead for TimedStream<I> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(cx, buffer)
    }
}

impl<I: AsyncWrite + Unpin> AsyncWrite for TimedStream<I> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_timed(cx, |io, cx| io.poll_write(cx, buffer))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffers: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.poll_timed(cx, |io, cx| io.poll_write_vectored(cx, buffers))
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_timed(cx, AsyncWrite::poll_flush)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_timed(cx, AsyncWrite::poll_shutdown)
    }
}
