use std::{
    future::Future,
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use socket2::SockRef;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};
use tokio_rustls::server;
use tokio_util::sync::WaitForCancellationFutureOwned;

use crate::{ConnectionGuard, Peer, Slot};

/// Bytes that the TLS layer buffers for a known peer that reads slowly.
const WRITE_BUFFER: usize = 64 * 1024;

/// The encrypted connection to a [`Peer`]. It fails once the peer is cut.
pub struct TlsStream {
    inner: server::TlsStream<TcpStream>,
    peer: Peer,
    slot: Slot,
    tracked: Option<ConnectionGuard>,
    /// Two tasks may read and write; a cut has to wake both.
    cut_while_reading: Cut,
    cut_while_writing: Cut,
}

type Cut = Pin<Box<WaitForCancellationFutureOwned>>;

impl TlsStream {
    pub(crate) fn new(inner: server::TlsStream<TcpStream>, peer: Peer, slot: Slot) -> Self {
        let wait = || Box::pin(peer.cut_token().clone().cancelled_owned());
        Self {
            cut_while_reading: wait(),
            cut_while_writing: wait(),
            inner,
            peer,
            slot,
            tracked: None,
        }
    }

    /// The place of the connection among the unknown peers.
    pub fn slot(&self) -> &Slot {
        &self.slot
    }

    /// The peer is known: it gets large buffers and leaves the unknown peers.
    pub fn admit(&mut self) {
        self.inner.get_mut().1.set_buffer_limit(Some(WRITE_BUFFER));
        self.slot.admit();
    }

    /// Keeps the connection registered as open while this stream lives: an upgraded connection outlives
    /// the server task that accepted it.
    pub fn keep(&mut self, guard: ConnectionGuard) {
        self.tracked = Some(guard);
    }

    fn is_cut(&self) -> bool {
        self.peer.cut_token().is_cancelled()
    }

    /// Polls a write, unless the connection is cut before or while it waits.
    fn poll_unless_cut<T>(
        &mut self,
        cx: &mut Context<'_>,
        write: impl FnOnce(
            Pin<&mut server::TlsStream<TcpStream>>,
            &mut Context<'_>,
        ) -> Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if self.is_cut() {
            return Poll::Ready(Err(cut()));
        }
        if let Poll::Ready(done) = write(Pin::new(&mut self.inner), cx) {
            return Poll::Ready(done);
        }
        ready!(self.cut_while_writing.as_mut().poll(cx));
        Poll::Ready(Err(cut()))
    }
}

fn cut() -> io::Error {
    io::Error::new(
        io::ErrorKind::ConnectionAborted,
        "connection closed: its certificate is no longer trusted, or unknown peers have too many",
    )
}

impl AsyncRead for TlsStream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.is_cut() {
            return Poll::Ready(Err(cut()));
        }
        if let Poll::Ready(done) = Pin::new(&mut this.inner).poll_read(cx, buf) {
            return Poll::Ready(done);
        }
        ready!(this.cut_while_reading.as_mut().poll(cx));
        Poll::Ready(Err(cut()))
    }
}

impl AsyncWrite for TlsStream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.get_mut()
            .poll_unless_cut(cx, |tls, cx| tls.poll_write(cx, buf))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.get_mut()
            .poll_unless_cut(cx, |tls, cx| tls.poll_write_vectored(cx, bufs))
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().poll_unless_cut(cx, AsyncWrite::poll_flush)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut()
            .poll_unless_cut(cx, AsyncWrite::poll_shutdown)
    }
}

impl Drop for TlsStream {
    /// Data in the kernel buffers must not reach a peer that was cut, either.
    fn drop(&mut self) {
        if self.is_cut() {
            let socket = SockRef::from(self.inner.get_ref().0);
            if let Err(error) = socket.set_linger(Some(Duration::ZERO)) {
                tracing::debug!(%error, "a cut connection may still send buffered data");
            }
        }
    }
}
