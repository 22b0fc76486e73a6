//! Requests that `object_store` has no function for, signed by its own signer.

use bytes::Bytes;
use http::{Method, StatusCode};
use object_store::{
    aws::AwsAuthorizer,
    client::{HttpClient, HttpRequest, HttpRequestBody},
    path::Path,
};
use url::{Url, form_urlencoded::byte_serialize};

use super::{
    credentials::Credentials,
    problem::{BucketProblem, Place, Refusal},
    retry::{Patience, Pauses},
};

/// What is read of an answer.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    region: Option<String>,
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
        let unable = status.is_server_error() && status != StatusCode::NOT_IMPLEMENTED;
        unable || asked_to_wait.contains(&status)
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

    /// Asks, and gives the body of the answer. `action` is the right that is needed for it.
    pub(super) async fn send(
        &self,
        credentials: &Credentials,
        action: &'static str,
        ask: Ask<'_>,
    ) -> Result<String, BucketProblem> {
        let answer = self.ask(credentials, ask).await?;
        if answer.status.is_success() {
            return Ok(answer.body);
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
            let answer = self.ask_once(credentials, &ask).await;
            let passes = match &answer {
                Ok(answer) => answer.passes(),
                Err(problem) => problem.passes(),
            };
            if !passes || !pauses.wait().await {
                return answer;
            }
        }
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
        let region = answer.headers().get("x-amz-bucket-region");
        let region = region.and_then(|region| region.to_str().ok().map(str::to_owned));
        let status = answer.status();
        let body = answer.into_body().bytes().await;
        let body = body.map_err(|error| self.place.unreachable(&error))?;
        let body = String::from_utf8_lossy(&body).into_owned();
        Ok(Answer {
            status,
            region,
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
