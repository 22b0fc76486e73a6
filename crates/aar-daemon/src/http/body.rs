use axum::body::{Body, Bytes};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde::de::DeserializeOwned;

use super::json::{BodyError, parse_json};

/// The reason why a JSON body cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum JsonBodyError {
    /// The body is larger than the limit.
    #[error("the body is larger than {limit} bytes")]
    TooLarge {
        /// The largest size in bytes.
        limit: usize,
    },
    /// The connection ended before the body did.
    #[error("the body is incomplete: {0}")]
    Incomplete(Box<dyn std::error::Error + Send + Sync>),
    /// The body is not the JSON that the route takes.
    #[error(transparent)]
    Invalid(#[from] BodyError),
}

/// Reads a whole body as JSON. An empty body stands for `empty`.
pub async fn read_json_body<T: DeserializeOwned>(
    body: Body,
    limit: usize,
    empty: &[u8],
) -> Result<T, JsonBodyError> {
    let bytes = collect(body, limit).await?;
    let json = if bytes.is_empty() { empty } else { &bytes };
    Ok(parse_json(json)?)
}

async fn collect(body: Body, limit: usize) -> Result<Bytes, JsonBodyError> {
    match Limited::new(body, limit).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(JsonBodyError::TooLarge { limit }),
        Err(error) => Err(JsonBodyError::Incomplete(error)),
    }
}

#[cfg(test)]
mod tests {
    use futures_util::stream;
    use serde_json::{Value, json};

    use super::*;

    async fn read(body: Body) -> Result<Value, JsonBodyError> {
        read_json_body(body, 100, b"{}").await
    }

    #[tokio::test]
    async fn empty_body_is_replaced() {
        assert_eq!(read(Body::empty()).await.unwrap(), json!({}));
    }

    #[tokio::test]
    async fn invalid_large_and_incomplete_bodies_are_told_apart() {
        let invalid = read(Body::from("{")).await;
        assert!(
            matches!(invalid, Err(JsonBodyError::Invalid(_))),
            "{invalid:?}"
        );
        let large = read(Body::from(vec![b' '; 101])).await;
        assert!(
            matches!(large, Err(JsonBodyError::TooLarge { limit: 100 })),
            "{large:?}"
        );
        let cut = [Ok("{"), Err(std::io::Error::other("cut"))];
        let incomplete = read(Body::from_stream(stream::iter(cut))).await;
        assert!(
            matches!(incomplete, Err(JsonBodyError::Incomplete(_))),
            "{incomplete:?}"
        );
    }
}
