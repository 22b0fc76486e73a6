use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use aar_types::Clock;
use async_trait::async_trait;
use futures_util::{
    FutureExt,
    future::{BoxFuture, Either, Ready, Shared, ready},
};
use jiff::{SignedDuration, Timestamp};
use object_store::{CredentialProvider, aws::AwsCredential, client::HttpClient};

use super::{Lease, NoCredential, Source};

/// How often fetching is tried, and how long is waited in between.
const PAUSES: [Duration; 3] = [
    Duration::from_millis(100),
    Duration::from_millis(400),
    Duration::from_secs(1),
];
/// How long to leave a source alone that has just failed.
const LEAVE_ALONE: SignedDuration = SignedDuration::from_secs(5);
/// What two clocks may differ while one waits for the other.
const MARGIN: Duration = Duration::from_millis(100);

type Answer = Result<Lease, NoCredential>;
type Fetch = Shared<BoxFuture<'static, Answer>>;

/// Keeps a credential, and replaces it in time.
#[derive(Debug)]
pub(in crate::storage::s3) struct Credentials(Arc<Keeper>);

struct Keeper {
    source: Source,
    client: HttpClient,
    clock: Clock,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    lease: Option<Lease>,
    under_way: Option<Fetch>,
    /// Why the last fetch failed, and how long that is told without another.
    failed: Option<(NoCredential, Timestamp)>,
}

impl fmt::Debug for Keeper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.source.fmt(f)
    }
}

impl Credentials {
    pub(in crate::storage::s3) fn new(source: Source, client: HttpClient) -> Self {
        Self::timed(source, client, Clock::system())
    }

    pub(super) fn timed(source: Source, client: HttpClient, clock: Clock) -> Self {
        Self(Arc::new(Keeper {
            source,
            client,
            clock,
            state: Mutex::default(),
        }))
    }

    /// The credential of the moment.
    pub(in crate::storage::s3) async fn lease(&self) -> Answer {
        self.0.look().await
    }
}

impl Keeper {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What there is, or the fetch that will bring it.
    fn look(self: &Arc<Self>) -> Either<Ready<Answer>, Fetch> {
        let now = self.clock.now();
        let mut state = self.state();
        let failure = state.failure(now);
        match state.lease.clone().filter(|lease| lease.is_good(now)) {
            Some(lease) => {
                if !lease.is_fresh(now) && failure.is_none() {
                    drop(self.join(&mut state));
                }
                Either::Left(ready(Ok(lease)))
            }
            None => match failure {
                Some(failure) => Either::Left(ready(Err(failure))),
                None => Either::Right(self.join(&mut state)),
            },
        }
    }

    /// The fetch that is under way, or one that begins now. It runs to its end whether or not
    /// anybody still waits.
    fn join(self: &Arc<Self>, state: &mut State) -> Fetch {
        let begun = state.under_way.as_ref();
        // One that has been stopped could not say so itself.
        if let Some(fetch) = begun.filter(|fetch| fetch.peek().is_none()) {
            return fetch.clone();
        }
        let keeper = Arc::clone(self);
        let task = tokio::spawn(keeper.renew());
        let place = format!("{:?}", self.source);
        let fetch = task.map(|ended| {
            ended.unwrap_or_else(|error| {
                let reason = error.to_string();
                Err(NoCredential { place, reason })
            })
        });
        state.under_way.insert(fetch.boxed().shared()).clone()
    }

    async fn renew(self: Arc<Self>) -> Answer {
        let answer = self.fetch().await;
        let now = self.clock.now();
        let mut state = self.state();
        state.under_way = None;
        match &answer {
            Ok(lease) => {
                state.lease = Some(lease.clone());
                state.failed = None;
                self.renew_in_time(lease);
            }
            Err(error) => {
                if state.lease.as_ref().is_some_and(|lease| lease.is_good(now)) {
                    tracing::warn!(%error, "credentials cannot be renewed; the present ones are used");
                }
                let until = now.saturating_add(LEAVE_ALONE).unwrap_or(now);
                state.failed = Some((error.clone(), until));
            }
        }
        answer
    }

    /// Sees to it that a lease is replaced also when nobody asks for it meanwhile: what is signed
    /// after a quiet hour is not to end in a minute.
    fn renew_in_time(self: &Arc<Self>, lease: &Lease) {
        let Some(wait) = lease.until_renewal(self.clock.now()) else {
            return;
        };
        let keeper = Arc::downgrade(self);
        tokio::spawn(async move {
            tokio::time::sleep(wait + MARGIN).await;
            if let Some(keeper) = keeper.upgrade() {
                drop(keeper.look());
            }
        });
    }

    async fn fetch(&self) -> Answer {
        for pause in PAUSES {
            match self.fetch_once().await {
                Ok(lease) => return Ok(lease),
                Err(error) => tracing::debug!(%error, "trying again to fetch credentials"),
            }
            tokio::time::sleep(pause).await;
        }
        self.fetch_once().await
    }

    async fn fetch_once(&self) -> Answer {
        let lease = self.source.fetch(&self.client, self.clock.now()).await?;
        match lease.expires {
            Some(end) if !lease.is_good(self.clock.now()) => Err(NoCredential {
                place: format!("{:?}", self.source),
                reason: format!("the keys it gives ended at {end}; is the clock here right?"),
            }),
            _ => Ok(lease),
        }
    }
}

impl State {
    fn failure(&self, now: Timestamp) -> Option<NoCredential> {
        let (failure, until) = self.failed.as_ref()?;
        (now < *until).then(|| failure.clone())
    }
}

#[async_trait]
impl CredentialProvider for Credentials {
    type Credential = AwsCredential;

    async fn get_credential(&self) -> object_store::Result<Arc<AwsCredential>> {
        let lease = self.lease().await;
        let lease = lease.map_err(|error| object_store::Error::Generic {
            store: "S3",
            source: error.into(),
        })?;
        Ok(lease.credential)
    }
}

#[cfg(test)]
mod tests;
