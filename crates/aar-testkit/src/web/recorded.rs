use std::collections::BTreeMap;

use http::Request;

/// A request that a server received.
#[derive(Debug, Clone)]
pub struct RecordedRequest {
    pub method: String,
    pub path: String,
    /// The query, empty if there is none.
    pub query: String,
    /// The headers, by name in lower case.
    pub headers: BTreeMap<String, String>,
    /// Whether the client presented a certificate.
    pub certificate: bool,
}

impl RecordedRequest {
    pub(super) fn of<B>(request: &Request<B>, certificate: bool) -> Self {
        let headers = request.headers().iter().map(|(name, value)| {
            let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
            (name.to_string(), value)
        });
        Self {
            method: request.method().to_string(),
            path: request.uri().path().to_owned(),
            query: request.uri().query().unwrap_or_default().to_owned(),
            headers: headers.collect(),
            certificate,
        }
    }

    /// Whether it downloads an image by a signed URL.
    pub fn is_download(&self) -> bool {
        self.method == "GET" && self.query.contains("Signature=")
    }

    /// Whether it uploads a part.
    pub fn is_part(&self) -> bool {
        self.method == "PUT" && self.query.contains("partNumber=")
    }

    /// Whether it is a request of the registry itself.
    pub fn is_registry(&self) -> bool {
        self.headers.contains_key("authorization")
    }
}
