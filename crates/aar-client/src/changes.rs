use std::time::Duration;

use aar_http::Method;
use aar_types::{Changes, ErrorCode, Revision};

use crate::{Error, RegistryClient};

/// A response of the change feed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChangesResponse {
    /// The changes since the revision; empty after the wait.
    Changes(Changes),
    /// The changes are no longer stored; list the catalogue instead.
    Compacted,
}

impl RegistryClient {
    /// Returns the changes after a revision. The registry responds when there is a change, or after
    /// the wait. The request is not retried; the caller decides what a failure means.
    pub async fn changes(&self, since: Revision, wait: Duration) -> Result<ChangesResponse, Error> {
        let query = [
            ("since", since.to_string()),
            ("wait", wait.as_secs().to_string()),
        ];
        let request = self.request(Method::GET, &["changes"]).query(query);
        let limit = wait + self.timeouts().response;
        let response = self.send(request, limit).await?;
        match self.accepted(response).await {
            Ok(response) => {
                let envelope = self.envelope("GET /1.0/changes", response).await?;
                Ok(ChangesResponse::Changes(envelope.metadata))
            }
            Err(error) if error.code() == Some(ErrorCode::ChangesCompacted) => {
                Ok(ChangesResponse::Compacted)
            }
            Err(error) => Err(error),
        }
    }
}
