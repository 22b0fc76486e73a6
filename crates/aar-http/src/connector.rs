//! How connections are made: a Unix socket, or TCP, a proxy where one is set, TLS.

use std::{
    future::Future,
    io::{self, IoSlice},
    net::IpAddr,
    path::PathBuf,
    pin::Pin,
    sync::{Arc, OnceLock},
    task::{Context, Poll},
    time::Duration,
};

use aar_tls::{Identity, ServerTrust, client_config};
use aar_types::Clock;
use http::{Uri, uri::Scheme};
use hyper_util::{
    client::{
        legacy::connect::{Connected, Connection, HttpConnector, proxy::Tunnel},
        proxy::matcher::{Intercept, Matcher},
    },
    rt::TokioIo,
};
use rustls::{ClientConfig, pki_types::ServerName};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::UnixStream,
};
use tokio_rustls::TlsConnector;
use tower::Service;

use crate::{
    Error, HttpOptions,
    early_response::ReadPastWriteFailure,
    error::BoxError,
    local_address::{LocalAddress, Resolver},
};

const TCP_KEEPALIVE: Duration = Duration::from_mins(1);

/// Opens connections, each within the time limit.
#[derive(Clone)]
pub(crate) struct Connector {
    socket: Option<PathBuf>,
    dial: Dial,
    /// Connects to proxies, which may be local.
    proxy_dial: Dial,
    tls: Arc<Tls>,
    proxies: Arc<Matcher>,
    refuse_local: bool,
    limit: Duration,
}

impl Connector {
    pub(crate) fn new(options: HttpOptions) -> Result<Self, Error> {
        let tcp = |refuse_local| {
            let mut tcp = HttpConnector::new_with_resolver(Resolver::new(refuse_local));
            tcp.enforce_http(false);
            tcp.set_nodelay(true);
            tcp.set_keepalive(Some(TCP_KEEPALIVE));
            // Each address of a host gets its share of the limit.
            tcp.set_connect_timeout(Some(options.connect_timeout));
            tcp
        };
        let proxy_trust = HttpOptions {
            trust: ServerTrust::WebPki,
            identity: None,
            ..options.clone()
        };
        let dial = |tcp, tls: &Arc<Tls>| Dial {
            tcp,
            tls: Arc::clone(tls),
        };
        let proxy_tls = Arc::new(Tls::new(proxy_trust)?);
        Ok(Self {
            socket: options.socket.clone(),
            proxies: Arc::new(options.proxy.matcher()?),
            limit: options.connect_timeout,
            refuse_local: options.refuse_local_addresses,
            dial: dial(tcp(options.refuse_local_addresses), &proxy_tls),
            proxy_dial: dial(tcp(false), &proxy_tls),
            tls: Arc::new(Tls::new(options)?),
        })
    }

    /// The proxy for an address.
    pub(crate) fn proxy(&self, uri: &Uri) -> Option<Intercept> {
        self.proxies.intercept(uri)
    }

    /// Opens a connection within the time limit.
    pub(crate) async fn connect(self, uri: Uri) -> Result<Stream, BoxError> {
        let opened = tokio::time::timeout(self.limit, self.open(uri)).await;
        opened.unwrap_or_else(|_| Err(io::Error::from(io::ErrorKind::TimedOut).into()))
    }

    async fn open(mut self, uri: Uri) -> Result<Stream, BoxError> {
        if let Some(socket) = &self.socket {
            let stream = UnixStream::connect(socket).await?;
            return Ok(Stream::new(ReadPastWriteFailure::new(stream)));
        }
        if self.refuse_local {
            LocalAddress::refuse_literal(&uri)?;
        }
        let is_https = uri.scheme() == Some(&Scheme::HTTPS);
        let stream = match self.proxy(&uri) {
            Some(proxy) if is_https => {
                let mut stream = self.tunnel(&proxy, uri.clone()).await?;
                stream.remote = None;
                stream
            }
            Some(proxy) => {
                let mut stream = self.proxy_dial.open(proxy.uri().clone()).await?;
                stream.is_forwarded = true;
                stream.remote = None;
                return Ok(stream);
            }
            None => self.dial.tcp(uri.clone()).await?,
        };
        if is_https {
            return self.tls.handshake(&uri, stream).await;
        }
        Ok(stream)
    }

    async fn tunnel(&self, proxy: &Intercept, uri: Uri) -> Result<Stream, BoxError> {
        let mut tunnel = Tunnel::new(proxy.uri().clone(), self.proxy_dial.clone());
        if let Some(credentials) = proxy.basic_auth() {
            tunnel = tunnel.with_auth(credentials.clone());
        }
        Ok(tunnel.call(uri).await?.into_inner())
    }
}

impl Service<Uri> for Connector {
    type Response = TokioIo<Stream>;
    type Error = BoxError;
    type Future = Opening;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Opening {
        let connector = self.clone();
        Box::pin(async move { Ok(TokioIo::new(connector.connect(uri).await?)) })
    }
}

type Opening = Pin<Box<dyn Future<Output = Result<TokioIo<Stream>, BoxError>> + Send>>;

/// Connects to a host, or to a proxy: with TLS where its address says so.
#[derive(Clone)]
struct Dial {
    tcp: HttpConnector<Resolver>,
    tls: Arc<Tls>,
}

impl Dial {
    async fn tcp(&mut self, uri: Uri) -> Result<Stream, BoxError> {
        let tcp = self.tcp.call(uri).await?.into_inner();
        let remote = tcp.peer_addr().ok().map(|address| address.ip());
        let mut stream = Stream::new(ReadPastWriteFailure::new(tcp));
        stream.remote = remote;
        Ok(stream)
    }

    async fn open(&mut self, proxy: Uri) -> Result<Stream, BoxError> {
        let stream = self.tcp(proxy.clone()).await?;
        if proxy.scheme() == Some(&Scheme::HTTPS) {
            return self.tls.handshake(&proxy, stream).await;
        }
        Ok(stream)
    }
}

impl Service<Uri> for Dial {
    type Response = TokioIo<Stream>;
    type Error = BoxError;
    type Future = Opening;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, proxy: Uri) -> Opening {
        let mut dial = self.clone();
        Box::pin(async move { Ok(TokioIo::new(dial.open(proxy).await?)) })
    }
}

/// The TLS settings. Issuers that the system trusts are read with the first connection that needs them:
/// a machine that needs none need not have any.
struct Tls {
    config: OnceLock<Arc<ClientConfig>>,
    trust: ServerTrust,
    identity: Option<Identity>,
    clock: Clock,
}

impl Tls {
    fn new(options: HttpOptions) -> Result<Self, Error> {
        let tls = Self {
            config: OnceLock::new(),
            trust: options.trust,
            identity: options.identity,
            clock: options.clock,
        };
        if !matches!(tls.trust, ServerTrust::WebPki) {
            tls.config()?;
        }
        Ok(tls)
    }

    fn config(&self) -> Result<Arc<ClientConfig>, aar_tls::Error> {
        if let Some(config) = self.config.get() {
            return Ok(Arc::clone(config));
        }
        let (trust, clock) = (self.trust.clone(), self.clock.clone());
        let config = Arc::new(client_config(trust, self.identity.as_ref(), clock)?);
        Ok(Arc::clone(self.config.get_or_init(|| config)))
    }

    async fn handshake(&self, uri: &Uri, stream: Stream) -> Result<Stream, BoxError> {
        let host = uri.host().unwrap_or_default();
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let name = ServerName::try_from(host.to_owned())?;
        let tls = TlsConnector::from(self.config()?);
        let remote = stream.remote;
        let mut secured = Stream::new(tls.connect(name, stream).await?);
        secured.remote = remote;
        Ok(secured)
    }
}

trait Transport: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Transport for T {}

/// An open connection: a Unix socket, TCP or TLS.
pub struct Stream {
    io: Box<dyn Transport>,
    /// Whether a proxy forwards each request, so that requests name the whole address.
    is_forwarded: bool,
    /// The address of the server, unless a proxy connects to it.
    remote: Option<IpAddr>,
}

/// The address of the server, as an extension of its responses.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RemoteAddress(pub(crate) IpAddr);

impl Stream {
    fn new(io: impl Transport + 'static) -> Self {
        Self {
            io: Box::new(io),
            is_forwarded: false,
            remote: None,
        }
    }
}

impl Connection for Stream {
    fn connected(&self) -> Connected {
        let connected = Connected::new().proxy(self.is_forwarded);
        match self.remote {
            Some(address) => connected.extra(RemoteAddress(address)),
            None => connected,
        }
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(cx, buf)
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}
