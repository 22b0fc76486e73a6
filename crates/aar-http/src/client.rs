use std::{fmt, sync::Arc, time::Duration};

use http::{
    HeaderValue, Request, Uri,
    header::{PROXY_AUTHORIZATION, USER_AGENT},
    uri::Scheme,
};
use hyper_util::{
    client::legacy::Client,
    rt::{TokioExecutor, TokioTimer},
};
use url::Url;

use crate::{Body, Error, HttpOptions, Response, Stream, body, connector::Connector, response};

/// Shorter than servers keep idle connections, so that a request seldom meets a closing one.
const IDLE_TIMEOUT: Duration = Duration::from_secs(20);

/// An HTTP/1.1 client with a pool of connections. It follows no redirects. Clones share the pool.
#[derive(Clone)]
pub struct HttpClient {
    pool: Client<Connector, body::Inner>,
    connector: Arc<Connector>,
    user_agent: HeaderValue,
    read_timeout: Option<Duration>,
}

impl fmt::Debug for HttpClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpClient")
            .field("user_agent", &self.user_agent)
            .finish_non_exhaustive()
    }
}

impl HttpClient {
    /// A client. Nothing is sent yet.
    pub fn new(options: HttpOptions) -> Result<Self, Error> {
        let user_agent = HeaderValue::try_from(&options.user_agent).map_err(http::Error::from)?;
        let read_timeout = options.read_timeout;
        let connector = Connector::new(options)?;
        let pool = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE_TIMEOUT)
            .build(connector.clone());
        Ok(Self {
            pool,
            connector: Arc::new(connector),
            user_agent,
            read_timeout,
        })
    }

    /// Sends a request as it is, with the name of the program and, for a proxy, its credentials. Returns
    /// once the head of the response is there.
    pub async fn execute(&self, mut request: Request<Body>) -> Result<Response, Error> {
        self.complete(&mut request);
        let sent = self.pool.request(request.map(Body::into_inner));
        let response = response::within(self.read_timeout, sent).await??;
        Ok(Response::new(response, self.read_timeout))
    }

    /// Opens a connection of its own, for another protocol such as websockets.
    pub async fn connect(&self, url: &Url) -> Result<Stream, Error> {
        let uri = url.as_str().parse::<Uri>();
        let connector = Connector::clone(&self.connector);
        let opened = connector.connect(uri.map_err(http::Error::from)?).await;
        opened.map_err(Error::Connect)
    }

    fn complete(&self, request: &mut Request<Body>) {
        let proxy = self.connector.proxy(request.uri());
        let is_forwarded = request.uri().scheme() == Some(&Scheme::HTTP);
        let headers = request.headers_mut();
        headers
            .entry(USER_AGENT)
            .or_insert_with(|| self.user_agent.clone());
        if let Some(credentials) = proxy.as_ref().and_then(|proxy| proxy.basic_auth())
            && is_forwarded
        {
            headers.insert(PROXY_AUTHORIZATION, credentials.clone());
        }
    }
}
