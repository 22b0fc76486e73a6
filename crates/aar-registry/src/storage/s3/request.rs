//! Requests that `object_store` has no function for, signed by its own signer.

use bytes::Bytes;
use http::{Method, StatusCode};
use jiff::{Timestamp, fmt::rfc2822};
use object_store::{
    aws::AwsAuthorizer,
    client::{HttpClient, HttpError, HttpErrorKind, HttpRequest, HttpRequestBody},
    path::Path,
};
use url::{Url, form_urlencoded::byte_serialize};

use super::{
    credentials::Credentials,
    problem::{BucketProblem, Place, Refusal, is_failure},
    retry::{Patience, Pauses},
};

/// What is read of an answer.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    region: Option<String>,
    /// What the clock of the service says.
    pub(super) date: Option<Timestamp>,
    pub(super) body: String,
}

impl Answer {
    /// What it says when it is a refusal.
    pub(super) fn refusal(self) -> Refusal {
        Refusal::read(self.status, self.region, &self.body)
    }

    /// Whether a service that answers so may answer otherwise later.
    pub(super) fn passes(&self) -> bool {
        let asked_to_wait = [StatusCode::TOO_MANY_REQUESTS, StatusCode::REQUEST_TIMEOUT];
        let status = self.status;
        is_failure(status) || asked_to_wait.contains(&status)
    }
}

/// Sends requests to one bucket. What passes is waited for: everything that is asked can be asked
/// again.
#[derive(Debug)]
pub(super) struct Requests {
    client: HttpClient,
    /// The address of the bucket.
    url: Url,
    place: Place,
}

/// What to ask for.
#[derive(Debug, Default)]
pub(super) struct Ask<'a> {
    pub(super) method: Method,
    /// The key, for what is about an object.
    pub(super) key: Option<&'a Path>,
    pub(super) query: &'a [(&'a str, &'a str)],
    pub(super) headers: &'a [(&'static str, &'a str)],
    pub(super) body: Bytes,
    pub(super) patience: Patience,
}

impl Requests {
    pub(super) fn new(client: HttpClient, url: Url, place: Place) -> Self {
        Self { client, url, place }
    }

    /// Asks, and gives the answer unless it is a refusal. `action` is the right that is needed for it.
    pub(super) async fn send(
        &self,
        credentials: &Credentials,
        action: &'static str,
        ask: Ask<'_>,
    ) -> Result<Answer, BucketProblem> {
        let answer = self.ask(credentials, ask).await?;
        if answer.status.is_success() {
            return Ok(answer);
        }
        Err(self.place.refused(action, answer.refusal()))
    }

    /// Asks until there is an answer that would not be another one later, and gives it.
    pub(super) async fn ask(
        &self,
        credentials: &Credentials,
        ask: Ask<'_>,
    ) -> Result<Answer, BucketProblem> {
        let mut pauses = Pauses::new(ask.patience);
        loop {
            let answer = self.ask_in_time(credentials, &ask).await;
            let again = match &answer {
                Ok(answer) => answer.passes(),
                Err(problem) => problem.passes(),
            };
            if !again || !pauses.wait().await {
                return answer;
            }
        }
    }

    async fn ask_in_time(
        &self,
        credentials: &Credentials,
        ask: &Ask<'_>,
    ) -> Result<Answer, BucketProblem> {
        let answer = self.ask_once(credentials, ask);
        let answer = tokio::time::timeout(ask.patience.answer(), answer).await;
        answer.unwrap_or_else(|elapsed| {
            let silent = HttpError::new(HttpErrorKind::Timeout, elapsed);
            Err(self.place.unreachable(&silent))
        })
    }

    pub(super) async fn ask_once(
        &self,
        credentials: &Credentials,
        ask: &Ask<'_>,
    ) -> Result<Answer, BucketProblem> {
        let lease = credentials.lease().await;
        let lease = lease.map_err(|reason| self.place.no_credentials(&reason))?;
        let mut request = self.request(ask)?;
        AwsAuthorizer::new(&lease.credential, "s3", &self.place.region)
            .try_authorize(&mut request, None)
            .map_err(|error| self.place.problem("signing", &error))?;
        let answer = self.client.execute(request).await;
        let answer = answer.map_err(|error| self.place.unreachable(&error))?;
        let header = |name| answer.headers().get(name)?.to_str().ok();
        let region = header("x-amz-bucket-region").map(str::to_owned);
        let date = header("date").and_then(|date| rfc2822::parse(date).ok());
        let date = date.map(|date| date.timestamp());
        let status = answer.status();
        let body = answer.into_body().bytes().await;
        let body = body.map_err(|error| self.place.unreachable(&error))?;
        let body = String::from_utf8_lossy(&body).into_owned();
        Ok(Answer {
            status,
            region,
            date,
            body,
        })
    }

    fn request(&self, ask: &Ask<'_>) -> Result<HttpRequest, BucketProblem> {
        let mut url = self.url.clone();
        if let Some(key) = ask.key {
            let bucket = url.path().trim_end_matches('/');
            url.set_path(&format!("{bucket}/{}", encode(key)));
        }
        for (name, value) in ask.query {
            url.query_pairs_mut().append_pair(name, value);
        }
        let mut request = http::Request::builder()
            .method(ask.method.clone())
            .uri(url.as_str());
        for (name, value) in ask.headers {
            request = request.header(*name, *value);
        }
        let body = HttpRequestBody::from(ask.body.clone());
        request.body(body).map_err(|error| BucketProblem::Other {
            bucket: self.place.bucket.clone(),
            action: "a request",
            reason: error.to_string(),
        })
    }
}

/// A key as signatures want it: the services make it again from what they were asked for. No key
/// has a space or an asterisk, which is where forms differ from signatures.
fn encode(key: &Path) -> String {
    let parts = key.as_ref().split('/');
    let parts = parts.map(|part| byte_serialize(part.as_bytes()).collect::<String>());
    parts.collect::<Vec<_>>().join("/")
}

#[cfg(test)]
mod tests {
    use async_trait::async_trait;
    use object_store::client::{HttpResponse, HttpService};

    use super::*;
    use crate::{
        S3Credentials, S3Options, Secret,
        storage::s3::{credentials::Source, origin::KeyOrigin},
    };

    /// A service that says that the bucket is elsewhere, to whoever shows a session token.
    #[derive(Debug)]
    struct Elsewhere;

    #[async_trait]
    impl HttpService for Elsewhere {
        async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
            assert_eq!(request.headers()["x-amz-security-token"], "token");
            let signed = request.headers()["authorization"].to_str().unwrap();
            assert!(signed.contains("x-amz-security-token"), "{signed}");
            let answer = http::Response::builder()
                .status(StatusCode::MOVED_PERMANENTLY)
                .header("x-amz-bucket-region", "us-east-2")
                .header("date", "Thu, 01 Jan 2026 00:00:07 GMT");
            Ok(answer.body(Vec::new().into()).unwrap())
        }
    }

    fn requests() -> (Requests, Credentials) {
        let client = HttpClient::new(Elsewhere);
        let mut options = S3Options::new("eu-west-3", "aar0");
        options.credentials = Some(S3Credentials {
            access_key: "ASIA1".to_owned(),
            secret_access_key: Secret::new("hush"),
            session_token: Some(Secret::new("token")),
        });
        let source = Source::choose(&options).unwrap();
        let place = Place {
            bucket: options.bucket,
            region: options.region,
            endpoint: "https://s3".to_owned(),
            keys: KeyOrigin::Configuration,
        };
        let url = "https://aar0.s3/".parse().unwrap();
        let requests = Requests::new(client.clone(), url, place);
        (requests, Credentials::new(source, client))
    }

    #[tokio::test]
    async fn where_the_bucket_is_is_told_as_the_head_of_an_answer_says_it() {
        let (requests, credentials) = requests();
        let refused = requests.send(&credentials, "s3:ListBucket", Ask::default());
        let refused = refused.await.unwrap_err().to_string();
        assert!(
            refused.contains("is in us-east-2, not in eu-west-3: correct storage.s3.region"),
            "{refused}"
        );
    }

    #[tokio::test]
    async fn what_the_clock_of_the_service_says_is_read() {
        let (requests, credentials) = requests();
        let answer = requests.ask(&credentials, Ask::default()).await.unwrap();
        let date = answer.date.unwrap().to_string();
        assert_eq!(date, "2026-01-01T00:00:07Z");
    }
}
