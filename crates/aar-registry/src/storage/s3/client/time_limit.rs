//! Time limits of responses. After its limit a request is [retried](super::retry), so the limit is well below
//! the time for retries. A large body may take longer than that; it is sent at least twice.

use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use super::{
    S3Error, S3Request,
    in_flight::{BytesInFlight, InFlight},
};

/// The limit of small requests, and between the pieces of an object.
pub(super) const RESPONSE: Duration = Duration::from_secs(30);
/// The limit of completions: services need long to assemble large objects.
const COMPLETION: Duration = Duration::from_secs(90);
/// The assumed minimum bandwidth for all requests in flight together, in bytes a second.
const LINE_RATE: u64 = 256 << 10;
/// The maximum size of a small body. Larger bodies share the bandwidth.
const SMALL: u64 = 1 << 20;

/// Ends work after the time limit of its request.
pub(super) async fn within<T>(
    in_flight: &BytesInFlight,
    request: &S3Request<'_>,
    work: impl Future<Output = Result<T, S3Error>>,
) -> Result<T, S3Error> {
    let start = Instant::now();
    let length = request.body.length;
    let is_large = length > SMALL && !request.completes_upload;
    let large = is_large.then(|| in_flight.add(length));
    let usual = if request.completes_upload {
        COMPLETION
    } else {
        RESPONSE
    };
    let mut limit = match &large {
        Some(large) => for_all(large),
        None => usual.min(request.retry.response_limit()),
    };
    let mut work = std::pin::pin!(work);
    loop {
        if let Ok(ended) = timeout_at(start + limit, &mut work).await {
            return ended;
        }
        match large.as_ref().map(for_all) {
            // New requests share the bandwidth.
            Some(longer) if longer > limit => limit = longer,
            _ => return Err(S3Error::Timeout),
        }
    }
}

/// The time limit for all bytes in flight.
fn for_all(in_flight: &InFlight) -> Duration {
    RESPONSE + Duration::from_secs(in_flight.total() / LINE_RATE)
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use futures_util::future::{join_all, pending};
    use http::Method;

    use super::*;
    use crate::storage::s3::{
        client::{request::RequestBody, retry::RetryPolicy},
        parts,
        permits::MAX_MIB_IN_FLIGHT,
    };

    fn request(length: u64) -> S3Request<'static> {
        let content = Bytes::from(vec![0; usize::try_from(length).unwrap()]);
        S3Request {
            method: Method::PUT,
            body: RequestBody::small(content),
            ..S3Request::default()
        }
    }

    #[tokio::test(start_paused = true)]
    async fn request_without_response_times_out() {
        let completion = |length| S3Request {
            completes_upload: true,
            ..request(length)
        };
        let at_start = S3Request {
            retry: RetryPolicy::Short,
            ..request(0)
        };
        for (request, seconds) in [
            (request(0), 30),
            (request(SMALL), 30),
            (completion(9), 90),
            (completion(2 << 20), 90),
            (request(8 << 20), 30 + 32),
            (request(96 << 20), 30 + 384),
            (at_start, 10),
        ] {
            let start = Instant::now();
            let work = pending::<Result<(), S3Error>>();
            let error = within(&BytesInFlight::default(), &request, work).await;
            assert!(matches!(error, Err(S3Error::Timeout)), "{error:?}");
            let waited = start.elapsed();
            let expected = Duration::from_secs(seconds);
            assert!(waited >= expected && waited < expected + Duration::from_secs(1));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn slow_line_carries_everything_that_may_be_in_flight() {
        let (part, total) = (parts::size_of(1), u64::from(MAX_MIB_IN_FLIGHT) << 20);
        let (in_flight, request) = (BytesInFlight::default(), request(part));
        // The requests share the bandwidth fairly, so all end together.
        let sent = (0..total / part).map(|_| {
            within(&in_flight, &request, async {
                tokio::time::sleep(Duration::from_secs(total / LINE_RATE)).await;
                Ok(())
            })
        });
        let sent = join_all(sent).await;
        assert_eq!(sent.len(), 8);
        assert!(sent.iter().all(Result::is_ok), "{sent:?}");
    }
}
