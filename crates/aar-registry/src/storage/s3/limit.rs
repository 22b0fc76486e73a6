//! How long an answer may take. What takes longer is given up and tried again, so the limit has to
//! be well below the time for which a request is [tried](super::retry). What is large may take
//! longer than that, and is [sent once more](super::multipart) in any case.

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
use tokio::time::{Instant, timeout_at};

use super::under_way::{Sending, UnderWay};

/// For what is small, and between the pieces of what is read.
const ANSWER: Duration = Duration::from_secs(30);
/// The assembly of a large object takes its time.
const ASSEMBLY: Duration = Duration::from_secs(90);
/// What a line is assumed to carry in a second at least, of all that is on its way together.
const PACE: u64 = 256 << 10;
/// Requests that are larger wait for what is sent as well, theirs and that of others.
const SMALL: u64 = 1 << 20;

/// A client that gives up in time.
#[derive(Debug)]
pub(super) struct Limited {
    /// For objects, which are read while they come: it watches over each piece.
    reading: HttpClient,
    /// For everything else. The answers are short, and have to be there as a whole in time.
    asking: HttpClient,
    /// What is large, and so shares the line.
    under_way: UnderWay,
}

impl Limited {
    /// One for requests with these options, which set no time limit but that of connecting.
    pub(super) fn connect(options: &ClientOptions) -> object_store::Result<HttpClient> {
        let options = options.clone().with_timeout_disabled();
        let connector = ReqwestConnector::default();
        Ok(HttpClient::new(Self {
            reading: connector.connect(&options.clone().with_read_timeout(ANSWER))?,
            asking: connector.connect(&options)?,
            under_way: UnderWay::default(),
        }))
    }
}

#[async_trait]
impl HttpService for Limited {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let begun = Instant::now();
        let length = request.body().content_length() as u64;
        let large = length > SMALL && !is_assembly(&request);
        let large = large.then(|| self.under_way.begin(length));
        let mut limit = match &large {
            Some(sending) => for_all_of(sending),
            None if is_assembly(&request) => ASSEMBLY,
            None => ANSWER,
        };
        let answer = async {
            if is_for_object(&request) {
                self.reading.execute(request).await
            } else {
                whole(self.asking.execute(request).await?).await
            }
        };
        let mut answer = std::pin::pin!(answer);
        loop {
            match timeout_at(begun + limit, &mut answer).await {
                Ok(answer) => return answer,
                Err(elapsed) => match large.as_ref().map(for_all_of) {
                    // Others have come since, and share the line.
                    Some(longer) if longer > limit => limit = longer,
                    _ => return Err(HttpError::new(HttpErrorKind::Timeout, elapsed)),
                },
            }
        }
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

/// What all that is on its way takes at the least.
fn for_all_of(sending: &Sending) -> Duration {
    ANSWER + Duration::from_secs(sending.together() / PACE)
}

/// Whether an object is to be put together. The list of its parts can be large itself.
fn is_assembly(request: &HttpRequest) -> bool {
    let query = request.uri().query().unwrap_or_default();
    request.method() == Method::POST && query.starts_with("uploadId=")
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
    use crate::storage::{parts, s3::ROOM};

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
            under_way: UnderWay::default(),
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
                request(Method::POST, "http://s3/b/k?uploadId=u", 2 << 20),
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
            (
                request(
                    Method::PUT,
                    "http://s3/b/k?partNumber=1&uploadId=u",
                    96 << 20,
                ),
                ANSWER + Duration::from_secs(384),
            ),
        ] {
            let begun = Instant::now();
            let error = limited.execute(request).await.unwrap_err();
            assert_eq!(error.kind(), HttpErrorKind::Timeout);
            let waited = begun.elapsed();
            assert!(waited >= expected && waited < expected + Duration::from_secs(1));
            let tried = super::super::retry::of_store().retry_timeout;
            let larger_than_usual = waited > Duration::from_mins(5);
            assert!(larger_than_usual || expected < tried);
        }
    }

    /// A line that shares what it carries fairly among all requests.
    #[derive(Debug)]
    struct Line {
        together: u64,
    }

    #[async_trait]
    impl HttpService for Line {
        async fn call(&self, _: HttpRequest) -> Result<HttpResponse, HttpError> {
            tokio::time::sleep(Duration::from_secs(self.together / PACE)).await;
            Ok(HttpResponse::new(Vec::new().into()))
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_line_carries_all_that_may_be_on_its_way_together() {
        let (part, together) = (parts::size_of(1), u64::from(ROOM) << 20);
        let service = HttpClient::new(Line { together });
        let limited = HttpClient::new(Limited {
            reading: service.clone(),
            asking: service,
            under_way: UnderWay::default(),
        });
        let sent = (0..together / part).map(|number| {
            let uri = format!("http://s3/b/k?partNumber={number}&uploadId=u");
            let length = usize::try_from(part).unwrap();
            limited.execute(request(Method::PUT, &uri, length))
        });
        let sent = futures_util::future::join_all(sent).await;
        assert_eq!(sent.len(), 8);
        assert!(sent.iter().all(Result::is_ok), "{sent:?}");
    }
}
