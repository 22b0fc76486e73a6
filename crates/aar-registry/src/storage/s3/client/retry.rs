use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};
use tokio::time::Instant;

use super::S3Error;
use crate::metrics::RequestMetrics;

const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// The longest pause before jitter, which at most doubles it.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
const SHORT_TIME: Duration = Duration::from_secs(4);
const SHORT_RESPONSE: Duration = Duration::from_secs(10);

/// The time for which transient errors are retried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(in super::super) enum RetryPolicy {
    /// For requests that a person waits for, for example at the start of the program.
    Short,
    /// For requests whose failure loses work.
    #[default]
    Long,
}

impl RetryPolicy {
    fn time(self, long: Duration) -> Duration {
        match self {
            Self::Short => SHORT_TIME,
            Self::Long => long,
        }
    }

    /// The time limit of one response, if it is less than the [usual](super::time_limit) limit.
    pub(super) fn response_limit(self) -> Duration {
        match self {
            Self::Short => SHORT_RESPONSE,
            Self::Long => Duration::MAX,
        }
    }
}

/// The retries of one request.
pub(in super::super) struct Retries {
    policy: RetryPolicy,
    deadline: Instant,
    pauses: ExponentialBackoff,
    failures: u32,
    metrics: RequestMetrics,
}

impl Retries {
    /// `long` is the time of the long policy.
    pub(super) fn new(policy: RetryPolicy, long: Duration, metrics: RequestMetrics) -> Self {
        Self {
            policy,
            deadline: Instant::now() + policy.time(long),
            pauses: ExponentialBuilder::new()
                .with_min_delay(FIRST_PAUSE)
                .with_max_delay(LONGEST_PAUSE)
                .with_jitter()
                .without_max_times()
                .build(),
            failures: 0,
            metrics,
        }
    }

    /// Backs off before the next attempt. `false` if there is none.
    pub(in super::super) async fn retry_after(&mut self, error: &S3Error) -> bool {
        self.failures += 1;
        if !error.is_retryable() {
            return false;
        }
        // Sending a large body can take longer than the whole time for retries.
        let first_timeout =
            self.failures == 1 && self.policy == RetryPolicy::Long && error.is_timeout();
        if first_timeout {
            self.metrics.count_retry();
            return true;
        }
        self.pause().await
    }

    /// The same after an error of any kind.
    pub(in super::super) async fn pause(&mut self) -> bool {
        let pause = self.pauses.next().unwrap_or(LONGEST_PAUSE);
        if Instant::now() + pause > self.deadline {
            return false;
        }
        tokio::time::sleep(pause).await;
        self.metrics.count_retry();
        true
    }
}

#[cfg(test)]
mod tests {
    use http::StatusCode;

    use super::*;
    use crate::storage::s3::refusal::Refusal;

    const LONG_TIME: Duration = crate::S3Options::RETRY_FOR;

    fn retries(policy: RetryPolicy) -> Retries {
        Retries::new(policy, LONG_TIME, RequestMetrics::default())
    }

    fn refused(status: StatusCode) -> S3Error {
        S3Error::Refused(Refusal {
            status,
            ..Refusal::default()
        })
    }

    async fn waited(policy: RetryPolicy) -> (usize, Duration) {
        let (start, mut retries, mut times) = (Instant::now(), retries(policy), 0);
        let error = refused(StatusCode::SERVICE_UNAVAILABLE);
        while retries.retry_after(&error).await {
            times += 1;
        }
        (times, start.elapsed())
    }

    #[tokio::test(start_paused = true)]
    async fn transient_error_is_retried_until_the_deadline() {
        let (times, time) = waited(RetryPolicy::Long).await;
        assert!((12..=1200).contains(&times), "{times}");
        assert!(
            time <= LONG_TIME && time + 2 * LONGEST_PAUSE > LONG_TIME,
            "{time:?}"
        );
        let (times, time) = waited(RetryPolicy::Short).await;
        assert!(times >= 2 && time <= SHORT_TIME, "{times} {time:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn permanent_error_is_not_retried() {
        for error in [refused(StatusCode::FORBIDDEN), S3Error::Replaced] {
            let mut retries = retries(RetryPolicy::Long);
            assert!(!retries.retry_after(&error).await, "{error}");
        }
    }

    /// The number of attempts that fail with these errors in turn, each after more than the time for retries.
    async fn sent(errors: &[S3Error]) -> usize {
        let mut retries = retries(RetryPolicy::Long);
        for (sent, error) in errors.iter().enumerate() {
            tokio::time::advance(2 * LONG_TIME).await;
            if !retries.retry_after(error).await {
                return sent + 1;
            }
        }
        errors.len() + 1
    }

    #[tokio::test(start_paused = true)]
    async fn large_request_that_times_out_is_sent_once_more() {
        let timeout = || S3Error::Timeout;
        assert_eq!(sent(&[timeout()]).await, 2);
        assert_eq!(sent(&[timeout(), timeout()]).await, 2);
        assert_eq!(sent(&[refused(StatusCode::BAD_GATEWAY)]).await, 1);
    }
}
