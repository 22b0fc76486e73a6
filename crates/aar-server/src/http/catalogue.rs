//! Answers that show the catalogue: each says of which registry and which revision.
//!
//! Between two changes the catalogue is the same for everybody, and after a change everybody comes
//! to see it. So what an answer says of its revision, and its body, are made once for each revision
//! and handed to all; who asks at the same moment waits for the one that is being made.

use std::{fmt::Display, future::Future, sync::Arc};

use aar_types::{Envelope, ErrorCode, RegistryId, Revision, headers};
use arc_swap::ArcSwap;
use axum::{
    body::Body,
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use quick_cache::{
    DefaultHashBuilder, OptionsBuilder, Weighter,
    sync::{Cache, DefaultLifecycle},
};
use serde::Serialize;

use super::{conditions::ETag, errors::ApiError};

/// How much is kept of bodies that are made.
const KEPT: u64 = 16 << 20;
/// About how many bodies that is.
const BODIES: usize = 64;

/// Which state of the catalogue an answer shows. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Stamp(Arc<State>);

struct State {
    revision: Revision,
    tag: ETag,
    headers: [(HeaderName, HeaderValue); 3],
}

impl Stamp {
    fn new(registry_id: &RegistryId, revision: Revision) -> Self {
        let tag = ETag::new(format_args!("{registry_id}-{revision}"));
        let headers = [
            (header::ETAG, value(tag.as_str())),
            (
                HeaderName::from_static(headers::REGISTRY_ID),
                value(registry_id.as_str()),
            ),
            (
                HeaderName::from_static(headers::REVISION),
                HeaderValue::from(revision.0),
            ),
        ];
        Self(Arc::new(State {
            revision,
            tag,
            headers,
        }))
    }

    /// The answer to a caller who has this state already.
    pub(super) fn not_modified(&self, request: &HeaderMap) -> Option<Response> {
        let known = self.0.tag.is_known(request);
        known.then(|| self.on(StatusCode::NOT_MODIFIED))
    }

    /// An answer that shows this state.
    pub(crate) fn on(&self, answer: impl IntoResponse) -> Response {
        let mut response = answer.into_response();
        for (name, value) in &self.0.headers {
            response.headers_mut().insert(name, value.clone());
        }
        response
    }
}

/// An id is letters, digits and hyphens, and so is a tag but for its quotes: every header takes them.
fn value(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).unwrap_or(HeaderValue::from_static(""))
}

/// A body that is made.
#[derive(Clone)]
struct Prepared {
    stamp: Stamp,
    body: Bytes,
}

impl IntoResponse for Prepared {
    fn into_response(self) -> Response {
        let json = HeaderValue::from_static("application/json");
        let body = ([(header::CONTENT_TYPE, json)], Body::from(self.body));
        self.stamp.on(body)
    }
}

type Bodies = Cache<Key, Prepared, Size>;

/// What was asked for, at which revision.
type Key = (Revision, Box<str>);

#[derive(Clone)]
struct Size;

impl Weighter<Key, Prepared> for Size {
    fn weight(&self, (_, asked): &Key, prepared: &Prepared) -> u64 {
        (asked.len() + prepared.body.len()) as u64
    }
}

/// Room for a few large bodies: all of it is in one place, where each of them finds enough.
fn bodies() -> Bodies {
    let options = OptionsBuilder::new()
        .shards(1)
        .estimated_items_capacity(BODIES)
        .weight_capacity(KEPT)
        .build();
    match options {
        Ok(options) => Cache::with_options(
            options,
            Size,
            DefaultHashBuilder::default(),
            DefaultLifecycle::default(),
        ),
        // Only options that are left out are refused.
        Err(_) => Cache::with_weighter(BODIES, KEPT, Size),
    }
}

/// The answers of the present revision.
pub(super) struct Answers {
    registry_id: RegistryId,
    present: ArcSwap<State>,
    bodies: Bodies,
}

impl Answers {
    pub(super) fn new(registry_id: RegistryId) -> Self {
        Self {
            present: ArcSwap::new(Stamp::new(&registry_id, Revision(0)).0),
            bodies: bodies(),
            registry_id,
        }
    }

    /// The state at a revision.
    pub(super) fn stamp(&self, revision: Revision) -> Stamp {
        let present = self.present.load();
        if present.revision == revision {
            return Stamp(Arc::clone(&present));
        }
        let stamp = Stamp::new(&self.registry_id, revision);
        // Nobody will ask for what was made at an earlier one.
        if revision > present.revision {
            self.present.store(Arc::clone(&stamp.0));
            self.bodies.clear();
        }
        stamp
    }

    /// Answers a request for something of the catalogue, which is at this revision. `make` reads it
    /// and tells which revision it has read; it is only called where nobody else has.
    pub(super) async fn answer<T: Serialize, F>(
        &self,
        revision: Revision,
        asked: impl Display,
        make: impl FnOnce(Revision) -> F,
    ) -> Result<Response, ApiError>
    where
        F: Future<Output = Result<(Envelope<T>, Revision), ApiError>>,
    {
        let key = (revision, asked.to_string().into());
        let prepare = async {
            // What reading needs is there only for the one who reads: a thousand may wait for it.
            let (envelope, revision) = Box::pin(make(revision)).await?;
            let body = serde_json::to_vec(&envelope)
                .map_err(|error| ApiError::failure(ErrorCode::Internal, error))?;
            Ok::<_, ApiError>(Prepared {
                stamp: self.stamp(revision),
                // Without the room that it has grown into and does not need.
                body: body.into_boxed_slice().into(),
            })
        };
        let prepared = self.bodies.get_or_insert_async(&key, prepare).await?;
        Ok(prepared.into_response())
    }
}

#[cfg(test)]
mod tests {
    use std::{
        future::pending,
        sync::atomic::{AtomicUsize, Ordering},
    };

    use super::*;

    fn answers() -> Arc<Answers> {
        let id = "3ddfe147-db35-4904-8aff-1c65ef9c9767".parse().unwrap();
        Arc::new(Answers::new(id))
    }

    /// Answers with a text of this length, and counts how often it is made.
    async fn ask(answers: &Answers, revision: u64, length: usize, made: &AtomicUsize) {
        let revision = Revision(revision);
        let read = async |revision| {
            made.fetch_add(1, Ordering::SeqCst);
            tokio::task::yield_now().await;
            Ok((Envelope::sync("x".repeat(length)), revision))
        };
        answers.stamp(revision);
        let answer = answers.answer(revision, "/1.0/applications", read).await;
        let answer = answer.unwrap();
        let shown = &answer.headers()[headers::REVISION];
        assert_eq!(shown, &HeaderValue::from(revision.0));
    }

    #[tokio::test]
    async fn an_answer_is_made_once_for_each_revision_however_large_it_is() {
        let (answers, made) = (answers(), AtomicUsize::new(0));
        for length in [100, 12 << 20] {
            let (first, second) = (length as u64, length as u64 + 1);
            let before = made.load(Ordering::SeqCst);
            tokio::join!(
                ask(&answers, first, length, &made),
                ask(&answers, first, length, &made)
            );
            ask(&answers, first, length, &made).await;
            assert_eq!(made.load(Ordering::SeqCst), before + 1);
            ask(&answers, second, length, &made).await;
            assert_eq!(made.load(Ordering::SeqCst), before + 2);
        }
    }

    #[tokio::test]
    async fn who_waits_is_answered_when_the_one_who_made_the_answer_is_gone_or_fails() {
        let (answers, made) = (answers(), AtomicUsize::new(0));
        answers.stamp(Revision(1));
        let other = Arc::clone(&answers);
        let gone = tokio::spawn(async move {
            let never = |_| pending::<Result<(Envelope<()>, Revision), ApiError>>();
            let _ = other.answer(Revision(1), "/1.0/applications", never).await;
        });
        tokio::task::yield_now().await;
        let waits = ask(&answers, 1, 10, &made);
        tokio::pin!(waits);
        tokio::select! {
            biased;
            () = &mut waits => panic!("it was not waited for"),
            () = tokio::task::yield_now() => {}
        }
        gone.abort();
        waits.await;
        assert_eq!(made.load(Ordering::SeqCst), 1);

        let fails = async |_| Err::<(Envelope<()>, Revision), _>(ApiError::invalid("no"));
        let failed = answers.answer(Revision(2), "/1.0/applications", fails);
        assert!(failed.await.is_err());
        ask(&answers, 2, 10, &made).await;
    }

    #[tokio::test]
    async fn what_was_made_for_an_earlier_revision_is_not_kept() {
        let (answers, made) = (answers(), AtomicUsize::new(0));
        answers.stamp(Revision(1));
        ask(&answers, 1, 100, &made).await;
        assert_eq!(answers.bodies.len(), 1);
        answers.stamp(Revision(2));
        assert_eq!(answers.bodies.len(), 0);
        // An answer about an earlier one, as of the change feed, does not bring it back.
        answers.stamp(Revision(1));
        assert_eq!(answers.present.load().revision, Revision(2));
    }
}
