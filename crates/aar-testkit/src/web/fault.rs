//! What can go wrong with one request, and how it is done to its bytes.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use futures_util::stream;
use http_body_util::{BodyExt, StreamBody};
use hyper::body::{Body as _, Frame, Incoming};

use super::{
    Seen,
    serve::{Body, Failure},
};

/// What happens to a request and its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Nothing.
    None,
    /// It is not passed on and answered with 503 `SlowDown`.
    SlowDown,
    /// It is not passed on and answered with this status.
    Status(u16),
    /// It is not passed on and answered with 400 and this code.
    Refuse(&'static str),
    /// It is not passed on and the connection ends.
    Reset,
    /// It is passed on, and the connection ends in place of the answer.
    LoseAnswer,
    /// It waits so long before it is passed on.
    Wait(Duration),
    /// So many bytes of each body pass in a second.
    Slow(u64),
    /// The connection ends after so many bytes of what is sent.
    CutUp(u64),
    /// The connection ends after so many bytes of the answer.
    CutDown(u64),
    /// The answer looks complete and lacks so many of its last bytes.
    Truncate(u64),
    /// A bit of what is sent is turned, so many bytes in.
    FlipUp(u64),
    /// A bit of the answer is turned, so many bytes in.
    FlipDown(u64),
}

/// Which requests are meant.
pub(super) type Which = fn(&Seen) -> bool;

/// Which request gets which fault, and what has been seen. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(super) struct Plan(Arc<Mutex<Planned>>);

#[derive(Debug, Default)]
struct Planned {
    /// For the next request of a kind, once.
    once: VecDeque<(Which, Fault)>,
    /// For each request of a kind.
    always: Vec<(Which, Fault)>,
    seen: Vec<Seen>,
}

impl Plan {
    fn lock(&self) -> MutexGuard<'_, Planned> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn next(&self, which: Which, faults: impl IntoIterator<Item = Fault>) {
        let faults = faults.into_iter().map(|fault| (which, fault));
        self.lock().once.extend(faults);
    }

    pub(super) fn each(&self, which: Which, fault: Fault) {
        self.lock().always.push((which, fault));
    }

    pub(super) fn heal(&self) {
        let mut planned = self.lock();
        planned.once.clear();
        planned.always.clear();
    }

    /// How many faults have not been met.
    pub(super) fn left(&self) -> usize {
        self.lock().once.len()
    }

    pub(super) fn seen(&self) -> Vec<Seen> {
        self.lock().seen.clone()
    }

    /// Takes a request down and says what happens to it.
    pub(super) fn meet(&self, seen: &Seen) -> Fault {
        let mut planned = self.lock();
        planned.seen.push(seen.clone());
        let next = planned.once.iter().position(|(which, _)| which(seen));
        if let Some((_, fault)) = next.and_then(|n| planned.once.remove(n)) {
            return fault;
        }
        let each = planned.always.iter().find(|(which, _)| which(seen));
        each.map_or(Fault::None, |(_, fault)| *fault)
    }
}

/// What happens to the bytes of one body.
#[derive(Debug, Clone, Copy, Default)]
struct Harm {
    cut: Option<u64>,
    end: Option<u64>,
    flip: Option<u64>,
    rate: Option<u64>,
}

impl Fault {
    /// Waits, where that is what happens. Gives what is left to happen.
    pub(super) async fn wait(self) -> Self {
        match self {
            Self::Wait(time) => {
                tokio::time::sleep(time).await;
                Self::None
            }
            other => other,
        }
    }

    /// The body of a request, on its way.
    pub(super) fn up(self, body: Incoming) -> Body {
        let harm = match self {
            Self::CutUp(at) => Harm {
                cut: Some(at),
                ..Harm::default()
            },
            Self::FlipUp(at) => Harm {
                flip: Some(at),
                ..Harm::default()
            },
            Self::Slow(rate) => Harm {
                rate: Some(rate),
                ..Harm::default()
            },
            _ => return body.map_err(Failure::other).boxed_unsync(),
        };
        harm.done_to(body)
    }

    /// The body of an answer, on its way.
    pub(super) fn down(self, body: Incoming) -> Body {
        let length = body.size_hint().exact().unwrap_or(0);
        let harm = match self {
            Self::CutDown(at) => Harm {
                cut: Some(at),
                ..Harm::default()
            },
            Self::Truncate(by) => Harm {
                end: Some(length.saturating_sub(by)),
                ..Harm::default()
            },
            Self::FlipDown(at) => Harm {
                flip: Some(at),
                ..Harm::default()
            },
            Self::Slow(rate) => Harm {
                rate: Some(rate),
                ..Harm::default()
            },
            _ => return body.map_err(Failure::other).boxed_unsync(),
        };
        harm.done_to(body)
    }
}

impl Harm {
    fn done_to(self, body: Incoming) -> Body {
        let frames = stream::try_unfold((body, 0_u64), move |(mut body, gone)| async move {
            if self.end.is_some_and(|end| gone >= end) {
                return Ok(None);
            }
            let Some(frame) = body.frame().await else {
                return Ok::<_, Failure>(None);
            };
            let Ok(bytes) = frame.map_err(Failure::other)?.into_data() else {
                return Ok(None);
            };
            let passed = self.to(bytes, gone).await?;
            let gone = gone + passed.len() as u64;
            Ok(Some((Frame::data(passed), (body, gone))))
        });
        StreamBody::new(frames).boxed_unsync()
    }

    async fn to(self, mut bytes: Bytes, gone: u64) -> Result<Bytes, Failure> {
        let inside = |at: Option<u64>| {
            let at = usize::try_from(at?.checked_sub(gone)?).ok()?;
            (at < bytes.len()).then_some(at)
        };
        if inside(self.cut).is_some() {
            return Err(Failure::other("the connection is cut"));
        }
        if let Some(at) = inside(self.flip) {
            let mut changed = BytesMut::from(&bytes[..]);
            changed[at] ^= 1;
            bytes = changed.freeze();
        } else if let Some(at) = inside(self.end) {
            bytes.truncate(at);
        }
        if let Some(rate) = self.rate {
            let pause = Duration::from_millis(bytes.len() as u64 * 1000 / rate);
            tokio::time::sleep(pause).await;
        }
        Ok(bytes)
    }
}
