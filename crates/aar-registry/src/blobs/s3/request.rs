//! Requests that `object_store` has no function for, signed by its own signer.

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
};

/// Sends requests to one bucket. Nothing is sent twice.
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
    pub(super) body: String,
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
        let (status, region, body) = self.ask(credentials, ask).await?;
        if status.is_success() {
            return Ok(body);
        }
        let refusal = Refusal::read(status, region, &body);
        Err(self.place.refused(action, refusal))
    }

    /// Asks, and gives status, region and body of the answer.
    pub(super) async fn ask(
        &self,
        credentials: &Credentials,
        ask: Ask<'_>,
    ) -> Result<(StatusCode, Option<String>, String), BucketProblem> {
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
        Ok((status, region, String::from_utf8_lossy(&body).into_owned()))
    }

    fn request(&self, ask: Ask<'_>) -> Result<HttpRequest, BucketProblem> {
        let mut url = self.url.clone();
        if let Some(key) = ask.key {
            let bucket = url.path().trim_end_matches('/');
            url.set_path(&format!("{bucket}/{}", encode(key)));
        }
        for (name, value) in ask.query {
            url.query_pairs_mut().append_pair(name, value);
        }
        let mut request = http::Request::builder()
            .method(ask.method)
            .uri(url.as_str());
        for (name, value) in ask.headers {
            request = request.header(*name, *value);
        }
        let body = HttpRequestBody::from(ask.body);
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
