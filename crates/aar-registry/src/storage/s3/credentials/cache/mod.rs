use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use aar_http::HttpClient;
use aar_types::Clock;
use backon::{ExponentialBuilder, Retryable};
use futures_util::{
    FutureExt,
    future::{BoxFuture, Either, Ready, Shared, ready},
};
use jiff::{SignedDuration, Timestamp};

use super::{CredentialSource, NoCredentials, SigningKeys};

/// The back-off after a failed fetch: each pause is four times as long as the one before.
const BACKOFF: ExponentialBuilder = ExponentialBuilder::new()
    .with_min_delay(Duration::from_millis(100))
    .with_factor(4.0)
    .with_max_times(3)
    .with_jitter();
/// The pause after all attempts have failed.
const PAUSE_AFTER_FAILURE: SignedDuration = SignedDuration::from_secs(5);
/// The tolerated difference between two clocks.
const MARGIN: Duration = Duration::from_millis(100);

type Fetched = Result<SigningKeys, NoCredentials>;
type Fetch = Shared<BoxFuture<'static, Fetched>>;

/// Keeps credentials, and renews them in time.
#[derive(Debug, Clone)]
pub(in super::super) struct CredentialCache(Arc<Inner>);

struct Inner {
    source: CredentialSource,
    client: HttpClient,
    /// Services check signatures with their clocks, so only tests use another clock than that of the system.
    clock: Clock,
    cached: Mutex<Cached>,
}

#[derive(Default)]
struct Cached {
    keys: Option<SigningKeys>,
    in_flight: Option<Fetch>,
    /// The last failure, and the time until which it is returned without another attempt.
    failure: Option<(NoCredentials, Timestamp)>,
}

impl fmt::Debug for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Credentials({})", self.source)
    }
}

impl CredentialCache {
    pub(in super::super) fn new(source: CredentialSource, client: HttpClient) -> Self {
        Self::with_clock(source, client, Clock::system())
    }

    fn with_clock(source: CredentialSource, client: HttpClient, clock: Clock) -> Self {
        Self(Arc::new(Inner {
            source,
            client,
            clock,
            cached: Mutex::default(),
        }))
    }

    pub(in super::super) async fn keys(&self) -> Fetched {
        self.0.keys_or_fetch().await
    }
}

impl Inner {
    fn cached(&self) -> MutexGuard<'_, Cached> {
        self.cached.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Valid keys, or the fetch that gets them. Keys that expire soon are renewed in the background.
    fn keys_or_fetch(self: &Arc<Self>) -> Either<Ready<Fetched>, Fetch> {
        let now = self.clock.now();
        let mut cached = self.cached();
        let failure = cached.failure(now);
        match cached.keys.clone().filter(|keys| keys.is_valid(now)) {
            Some(keys) => {
                if !keys.is_fresh(now) && failure.is_none() {
                    drop(self.join_fetch(&mut cached));
                }
                Either::Left(ready(Ok(keys)))
            }
            None => match failure {
                Some(failure) => Either::Left(ready(Err(failure))),
                None => Either::Right(self.join_fetch(&mut cached)),
            },
        }
    }

    /// The fetch in flight, or a new one. It runs to completion even if all callers stop waiting.
    fn join_fetch(self: &Arc<Self>, cached: &mut Cached) -> Fetch {
        let in_flight = cached.in_flight.as_ref();
        // An aborted fetch could not remove itself.
        if let Some(fetch) = in_flight.filter(|fetch| fetch.peek().is_none()) {
            return fetch.clone();
        }
        let task = tokio::spawn(Arc::clone(self).renew());
        let source = self.source.to_string();
        let fetch = task.map(|ended| {
            ended.unwrap_or_else(|error| Err(NoCredentials::new(source, error.to_string())))
        });
        cached.in_flight.insert(fetch.boxed().shared()).clone()
    }

    async fn renew(self: Arc<Self>) -> Fetched {
        let fetched = (|| self.fetch())
            .retry(BACKOFF)
            .notify(|error, _| tracing::debug!(%error, "fetching credentials again"))
            .await;
        let now = self.clock.now();
        let mut cached = self.cached();
        cached.in_flight = None;
        match &fetched {
            Ok(keys) => {
                cached.keys = Some(keys.clone());
                cached.failure = None;
                self.schedule_renewal(keys);
            }
            Err(error) => {
                if cached.keys.as_ref().is_some_and(|keys| keys.is_valid(now)) {
                    tracing::warn!(%error, "cannot renew the credentials; they expire soon");
                }
                let until = now.saturating_add(PAUSE_AFTER_FAILURE).unwrap_or(now);
                cached.failure = Some((error.clone(), until));
            }
        }
        drop(cached);
        fetched
    }

    /// Renews keys even without requests: a URL that is signed after an idle hour must not expire within a
    /// minute.
    fn schedule_renewal(self: &Arc<Self>, keys: &SigningKeys) {
        let Some(wait) = keys.time_until_renewal(self.clock.now()) else {
            return;
        };
        let inner = Arc::downgrade(self);
        tokio::spawn(async move {
            tokio::time::sleep(wait + MARGIN).await;
            if let Some(inner) = inner.upgrade() {
                drop(inner.keys_or_fetch());
            }
        });
    }

    async fn fetch(&self) -> Fetched {
        let keys = self.source.fetch(&self.client, self.clock.now()).await?;
        match keys.expires {
            Some(expired) if !keys.is_valid(self.clock.now()) => {
                let reason = format!("its keys expired at {expired}; is the clock here right?");
                Err(NoCredentials::new(self.source.to_string(), reason))
            }
            _ => Ok(keys),
        }
    }
}

impl Cached {
    fn failure(&self, now: Timestamp) -> Option<NoCredentials> {
        let (failure, until) = self.failure.as_ref()?;
        (now < *until).then(|| failure.clone())
    }
}

#[cfg(test)]
mod tests;
