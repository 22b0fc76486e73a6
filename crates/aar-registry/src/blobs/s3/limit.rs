//! How long an answer may take. What takes longer is given up and tried again, so the limit has to
//! be well below the time for which a request is [tried](super::retry).

use std::time::Duration;

use async_trait::async_trait;
use http::Method;
use object_store::{
    ClientOptions,
    client::{
        HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse,
        HttpService, ReqwestConnector,
    },
};

/// For what is small, and between the pieces of what is read.
const ANSWER: Duration = Duration::from_secs(30);
/// The assembly of a large object takes its time.
const ASSEMBLY: Duration = Duration::from_secs(90);
/// What a line is assumed to carry in a second at least, for each part.
const PACE: u64 = 256 << 10;
/// Requests that are larger wait for what is sent as well.
const SMALL: u64 = 1 << 20;

/// A client that gives up in time.
#[derive(Debug)]
pub(super) struct Limited {
    /// For objects, which are read while they come: it watches over each piece.
    reading: HttpClient,
    /// For everything else. The answers are short, and have to be there as a whole in time.
    asking: HttpClient,
}

impl Limited {
    /// One for requests with these options, which set no time limit but that of connecting.
    pub(super) fn connect(options: &ClientOptions) -> object_store::Result<HttpClient> {
        let options = options.clone().with_timeout_disabled();
        let connector = ReqwestConnector::default();
        Ok(HttpClient::new(Self {
            reading: connector.connect(&options.clone().with_read_timeout(ANSWER))?,
            asking: connector.connect(&options)?,
        }))
    }
}

#[async_trait]
impl HttpService for Limited {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let limit = limit(&request);
        let answer = async {
            if is_for_object(&request) {
                self.reading.execute(request).await
            } else {
                whole(self.asking.execute(request).await?).await
            }
        };
        let answer = tokio::time::timeout(limit, answer).await;
        answer.unwrap_or_else(|elapsed| Err(HttpError::new(HttpErrorKind::Timeout, elapsed)))
    }
}

/// Whether the bytes of an object are what is asked for.
fn is_for_object(request: &HttpRequest) -> bool {
    request.method() == Method::GET && request.uri().query().is_none()
}

/// An answer that has come to its end. One that did not is as good as none.
async fn whole(answer: HttpResponse) -> Result<HttpResponse, HttpError> {
    let (head, body) = answer.into_parts();
    let body = body.bytes().await;
    let body = body.map_err(|cut| HttpError::new(HttpErrorKind::Interrupted, cut))?;
    Ok(HttpResponse::from_parts(head, body.into()))
}

fn limit(request: &HttpRequest) -> Duration {
    let length = request.body().content_length() as u64;
    let query = request.uri().query().unwrap_or_default();
    if request.method() == Method::POST && query.starts_with("uploadId=") {
        ASSEMBLY
    } else if length > SMALL {
        ANSWER + Duration::from_secs(length / PACE)
    } else {
        ANSWER
    }
}

/// Makes clients of this kind for the requests of `object_store`.
#[derive(Debug)]
pub(super) struct Ready(pub(super) HttpClient);

impl HttpConnector for Ready {
    fn connect(&self, _: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(self.0.clone())
    }
}

#[cfg(test)]
mod tests {
    use object_store::client::HttpRequestBody;

    use super::*;

    /// A service that never answers.
    #[derive(Debug)]
    struct Silence;

    #[async_trait]
    impl HttpService for Silence {
        async fn call(&self, _: HttpRequest) -> Result<HttpResponse, HttpError> {
            std::future::pending().await
        }
    }

    fn request(method: Method, uri: &str, length: usize) -> HttpRequest {
        let request = http::Request::builder().method(method).uri(uri);
        let body = HttpRequestBody::from(vec![0; length]);
        request.body(body).unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_never_answered_is_given_up_in_time_to_be_tried_again() {
        let limited = HttpClient::new(Limited {
            reading: HttpClient::new(Silence),
            asking: HttpClient::new(Silence),
        });
        for (request, expected) in [
            (request(Method::GET, "http://s3/b?uploads", 0), ANSWER),
            (request(Method::GET, "http://s3/b/k", 0), ANSWER),
            (request(Method::HEAD, "http://s3/b/k", 0), ANSWER),
            (request(Method::POST, "http://s3/b/k?uploads", 0), ANSWER),
            (
                request(Method::POST, "http://s3/b/k?uploadId=u", 9),
                ASSEMBLY,
            ),
            (
                request(
                    Method::PUT,
                    "http://s3/b/k?partNumber=1&uploadId=u",
                    8 << 20,
                ),
                ANSWER + Duration::from_secs(32),
            ),
        ] {
            let begun = tokio::time::Instant::now();
            let error = limited.execute(request).await.unwrap_err();
            assert_eq!(error.kind(), HttpErrorKind::Timeout);
            let waited = begun.elapsed();
            assert!(waited >= expected && waited < expected + Duration::from_secs(1));
            assert!(expected < super::super::retry::of_store().retry_timeout);
        }
    }
}
