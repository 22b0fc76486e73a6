use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, header::CONTENT_TYPE};
use serde::Serialize;
use url::Url;

use crate::{Body, Error, HttpClient, Response};

/// A request that is put together. What is wrong with it is reported when it is sent.
pub struct RequestBuilder {
    client: HttpClient,
    method: Method,
    url: Url,
    headers: HeaderMap,
    body: Body,
    failure: Option<Error>,
}

impl HttpClient {
    /// A request to an address.
    pub fn request(&self, method: Method, url: Url) -> RequestBuilder {
        RequestBuilder {
            client: self.clone(),
            method,
            url,
            headers: HeaderMap::new(),
            body: Body::default(),
            failure: None,
        }
    }
}

impl RequestBuilder {
    #[must_use]
    pub fn header<N, V>(mut self, name: N, value: V) -> Self
    where
        HeaderName: TryFrom<N>,
        <HeaderName as TryFrom<N>>::Error: Into<http::Error>,
        HeaderValue: TryFrom<V>,
        <HeaderValue as TryFrom<V>>::Error: Into<http::Error>,
    {
        let name = HeaderName::try_from(name).map_err(Into::into);
        let value = HeaderValue::try_from(value).map_err(Into::into);
        match name.and_then(|name| Ok((name, value?))) {
            Ok((name, value)) => drop(self.headers.append(name, value)),
            Err(error) => self.fail(error.into()),
        }
        self
    }

    /// Adds parameters to the query.
    #[must_use]
    pub fn query<K, V>(mut self, parameters: impl IntoIterator<Item = (K, V)>) -> Self
    where
        K: AsRef<str>,
        V: AsRef<str>,
    {
        let mut parameters = parameters.into_iter().peekable();
        if parameters.peek().is_some() {
            self.url.query_pairs_mut().extend_pairs(parameters);
        }
        self
    }

    #[must_use]
    pub fn body(mut self, body: impl Into<Body>) -> Self {
        self.body = body.into();
        self
    }

    /// Sets a JSON body, with its content type.
    #[must_use]
    pub fn json(mut self, value: &impl Serialize) -> Self {
        match serde_json::to_vec(value) {
            Ok(body) => {
                self.body = body.into();
                let json = HeaderValue::from_static("application/json");
                self.headers.insert(CONTENT_TYPE, json);
            }
            Err(error) => self.fail(error.into()),
        }
        self
    }

    fn fail(&mut self, error: Error) {
        self.failure.get_or_insert(error);
    }

    /// Sends the request. Returns once the head of the response is there.
    pub async fn send(self) -> Result<Response, Error> {
        if let Some(error) = self.failure {
            return Err(error);
        }
        let request = Request::builder()
            .method(self.method)
            .uri(self.url.as_str());
        let mut request = request.body(self.body)?;
        *request.headers_mut() = self.headers;
        self.client.execute(request).await
    }
}
