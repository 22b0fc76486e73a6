use std::time::Duration;

use aar_types::{Changes, ErrorCode, Revision};
use reqwest::Method;

use crate::{Error, RegistryClient};

/// What the change feed answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChangesAnswer {
    /// What changed since; nothing, when the wait was over.
    Changes(Changes),
    /// So long ago that the changes are no longer kept: list the catalogue instead.
    Compacted,
}

impl RegistryClient {
    /// What changed after a revision. The registry answers at once when there is something, and
    /// else when the wait is over. It is asked once: whoever listens decides what a failure means.
    pub async fn changes(&self, since: Revision, wait: Duration) -> Result<ChangesAnswer, Error> {
        let query = [("since", since.0), ("wait", wait.as_secs())];
        let request = self.request(Method::GET, &["changes"]).query(&query);
        let limit = wait + self.timeouts().answer;
        let response = self.send(request, limit).await?;
        match self.accepted(response).await {
            Ok(response) => {
                let answer = self.envelope("GET /1.0/changes", response).await?;
                Ok(ChangesAnswer::Changes(answer.metadata))
            }
            Err(error) if error.code() == Some(ErrorCode::ChangesCompacted) => {
                Ok(ChangesAnswer::Compacted)
            }
            Err(error) => Err(error),
        }
    }
}
