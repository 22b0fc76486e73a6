//! Faults of single requests.

use std::{
    collections::VecDeque,
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use futures_util::stream;
use http_body_util::{BodyExt, StreamBody};
use hyper::body::{Body as _, Frame, Incoming};

use super::{RecordedRequest, server::Body};

/// A fault of a request and its response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    None,
    /// The request is not forwarded; the response is 503 `SlowDown`.
    SlowDown,
    /// The request is not forwarded; the response has this status.
    Status(u16),
    /// The request is not forwarded; the response is 400 with this code.
    Reject(&'static str),
    /// The request is not forwarded; the connection ends.
    Reset,
    /// The request is forwarded; the connection ends instead of the response.
    LoseResponse,
    /// The request is forwarded after this time.
    Delay(Duration),
    /// Each body is limited to this number of bytes per second.
    Throttle(u64),
    /// The connection ends after this number of bytes of the request's body.
    CutRequest(u64),
    /// The connection ends after this number of bytes of the response's body.
    CutResponse(u64),
    /// The response lacks this number of bytes at its end but looks complete.
    Truncate(u64),
    /// A bit of the request's body is flipped at this byte.
    FlipRequest(u64),
    /// A bit of the response's body is flipped at this byte.
    FlipResponse(u64),
}

pub(super) type RequestFilter = fn(&RecordedRequest) -> bool;

/// The faults of the requests to come, and a record of the former requests. Clones share both.
#[derive(Debug, Clone, Default)]
pub(super) struct FaultPlan(Arc<Mutex<FaultQueues>>);

#[derive(Debug, Default)]
struct FaultQueues {
    /// Each for the next request that its filter selects.
    once: VecDeque<(RequestFilter, Fault)>,
    /// Each for every request that its filter selects.
    always: Vec<(RequestFilter, Fault)>,
    requests: Vec<RecordedRequest>,
}

impl FaultPlan {
    fn lock(&self) -> MutexGuard<'_, FaultQueues> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn next(&self, filter: RequestFilter, faults: impl IntoIterator<Item = Fault>) {
        let faults = faults.into_iter().map(|fault| (filter, fault));
        self.lock().once.extend(faults);
    }

    pub(super) fn each(&self, filter: RequestFilter, fault: Fault) {
        self.lock().always.push((filter, fault));
    }

    pub(super) fn heal(&self) {
        let mut queues = self.lock();
        queues.once.clear();
        queues.always.clear();
    }

    /// The number of faults for next requests that have not happened yet.
    pub(super) fn pending(&self) -> usize {
        self.lock().once.len()
    }

    pub(super) fn requests(&self) -> Vec<RecordedRequest> {
        self.lock().requests.clone()
    }

    /// Records a request and returns its fault.
    pub(super) fn record(&self, request: &RecordedRequest) -> Fault {
        let mut queues = self.lock();
        queues.requests.push(request.clone());
        let next = queues.once.iter().position(|(filter, _)| filter(request));
        if let Some((_, fault)) = next.and_then(|n| queues.once.remove(n)) {
            return fault;
        }
        let each = queues.always.iter().find(|(filter, _)| filter(request));
        each.map_or(Fault::None, |(_, fault)| *fault)
    }
}

/// The faults of a body. Positions count its bytes from 0.
#[derive(Debug, Clone, Copy, Default)]
struct BodyFault {
    /// The connection ends before this byte.
    cut: Option<u64>,
    /// The body ends before this byte.
    end: Option<u64>,
    /// A bit of this byte is flipped.
    flip: Option<u64>,
    /// In bytes per second.
    rate: Option<u64>,
}

impl Fault {
    /// Delays the request if that is its fault. Returns the remaining fault.
    pub(super) async fn delay(self) -> Self {
        match self {
            Self::Delay(time) => {
                tokio::time::sleep(time).await;
                Self::None
            }
            other => other,
        }
    }

    pub(super) fn apply_to_request(self, body: Incoming) -> Body {
        let mut fault = BodyFault::default();
        match self {
            Self::CutRequest(at) => fault.cut = Some(at),
            Self::FlipRequest(at) => fault.flip = Some(at),
            Self::Throttle(rate) => fault.rate = Some(rate),
            _ => return body.map_err(io::Error::other).boxed_unsync(),
        }
        fault.apply_to(body)
    }

    pub(super) fn apply_to_response(self, body: Incoming) -> Body {
        let length = body.size_hint().exact().unwrap_or(0);
        let mut fault = BodyFault::default();
        match self {
            Self::CutResponse(at) => fault.cut = Some(at),
            Self::Truncate(by) => fault.end = Some(length.saturating_sub(by)),
            Self::FlipResponse(at) => fault.flip = Some(at),
            Self::Throttle(rate) => fault.rate = Some(rate),
            _ => return body.map_err(io::Error::other).boxed_unsync(),
        }
        fault.apply_to(body)
    }
}

impl BodyFault {
    fn apply_to(self, body: Incoming) -> Body {
        let frames = stream::try_unfold((body, 0_u64), move |(mut body, sent)| async move {
            if self.end.is_some_and(|end| sent >= end) {
                return Ok(None);
            }
            let Some(frame) = body.frame().await else {
                return Ok::<_, io::Error>(None);
            };
            let Ok(bytes) = frame.map_err(io::Error::other)?.into_data() else {
                return Ok(None);
            };
            let changed = self.apply_to_bytes(bytes, sent).await?;
            let sent = sent + changed.len() as u64;
            Ok(Some((Frame::data(changed), (body, sent))))
        });
        StreamBody::new(frames).boxed_unsync()
    }

    /// `sent` bytes of the body precede these.
    async fn apply_to_bytes(self, mut bytes: Bytes, sent: u64) -> io::Result<Bytes> {
        let inside = |at: Option<u64>| {
            let at = usize::try_from(at?.checked_sub(sent)?).ok()?;
            (at < bytes.len()).then_some(at)
        };
        if inside(self.cut).is_some() {
            return Err(io::Error::other("the connection is cut"));
        }
        if let Some(at) = inside(self.flip) {
            let mut changed = BytesMut::from(&bytes[..]);
            changed[at] ^= 1;
            bytes = changed.freeze();
        } else if let Some(at) = inside(self.end) {
            bytes.truncate(at);
        }
        if let Some(rate) = self.rate {
            let time = Duration::from_millis(bytes.len() as u64 * 1000 / rate);
            tokio::time::sleep(time).await;
        }
        Ok(bytes)
    }
}
