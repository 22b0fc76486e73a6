//! The streams of one download: requests for ranges beside each other, as many as make it faster.

use std::{
    ops::Range,
    sync::atomic::{AtomicUsize, Ordering},
    time::{Duration, Instant},
};

use aar_http::{Response, StatusCode};
use futures_util::{StreamExt, stream::FuturesUnordered};
use tokio::sync::OwnedSemaphorePermit;

use super::{
    Download, REQUEST,
    content::{declared_size, starts_at},
    locked,
    partial_file::PartialFile,
    ranges::{Appended, Claim},
    stream_controller::{Progress, StreamController},
};
use crate::Error;

/// How often the speed is looked at.
const TICK: Duration = Duration::from_millis(100);

pub(super) enum Received {
    /// The remaining content, or what could be had without a failure.
    Remainder,
    /// A response that does not continue the received bytes.
    OtherRange,
    OtherSize(u64),
    /// The partial file cannot be written.
    FileFailed,
}

/// How many streams there are, and how many there should be.
struct Streams {
    running: AtomicUsize,
    wanted: AtomicUsize,
}

impl Streams {
    fn wanted(&self) -> usize {
        self.wanted.load(Ordering::Relaxed)
    }

    fn are_too_many(&self) -> bool {
        self.running.load(Ordering::Relaxed) > self.wanted()
    }
}

impl Download<'_> {
    /// Receives the remaining content. Fails when the last stream fails.
    pub(super) async fn receive_remainder(&self, partial: &PartialFile) -> Result<Received, Error> {
        let streams = Streams {
            running: AtomicUsize::new(1),
            wanted: AtomicUsize::new(1),
        };
        let mut controller = StreamController::new(Instant::now());
        let mut running = FuturesUnordered::new();
        running.push(self.stream(partial, &streams, None));
        let mut ticks = tokio::time::interval(TICK);
        let mut failure = None;
        while !partial.is_complete() {
            tokio::select! {
                ended = running.next() => match ended {
                    None => return failure.map_or(Ok(Received::Remainder), Err),
                    Some(ended) => {
                        streams.running.store(running.len(), Ordering::Relaxed);
                        match ended {
                            Ok(Received::Remainder) => {}
                            Ok(Received::OtherRange) if !running.is_empty() => {
                                self.range_refused.store(true, Ordering::Relaxed);
                                partial.rejoin();
                            }
                            Err(error) if error.is_retryable() => {
                                controller.limit_to(running.len());
                                failure = Some(error);
                            }
                            ended => return ended,
                        }
                    }
                },
                _ = ticks.tick() => {
                    controller.observe(self.progress(partial));
                    streams.wanted.store(controller.streams(), Ordering::Relaxed);
                    while running.len() < controller.streams()
                        && let Some(permit) = self.share.extra()
                    {
                        running.push(self.stream(partial, &streams, Some(permit)));
                        streams.running.store(running.len(), Ordering::Relaxed);
                    }
                }
            }
        }
        Ok(Received::Remainder)
    }

    fn progress(&self, partial: &PartialFile) -> Progress {
        let received = partial.received();
        let accepts_ranges = self.accepts_ranges.load(Ordering::Relaxed)
            && !self.range_refused.load(Ordering::Relaxed);
        Progress {
            now: Instant::now(),
            received,
            missing: self.image.size.saturating_sub(received),
            latency: *locked(&self.latency),
            limit: if accepts_ranges {
                self.share.limit()
            } else {
                1
            },
        }
    }

    /// Receives one range after the other, until the other streams suffice.
    async fn stream(
        &self,
        partial: &PartialFile,
        streams: &Streams,
        _permit: Option<OwnedSemaphorePermit>,
    ) -> Result<Received, Error> {
        while !streams.are_too_many()
            && let Some(claim) = partial.claim(streams.wanted())
        {
            let received = self.receive(partial, &claim).await;
            if partial.release(claim.id).await.is_err() {
                return Ok(Received::FileFailed);
            }
            match received? {
                Received::Remainder => {}
                other => return Ok(other),
            }
        }
        Ok(Received::Remainder)
    }

    /// Requests a range and writes it to the partial file.
    async fn receive(&self, partial: &PartialFile, claim: &Claim) -> Result<Received, Error> {
        let mut response = self.request(partial, &claim.range).await?;
        if let Some(size) = declared_size(&response).filter(|size| *size != self.image.size) {
            return Ok(Received::OtherSize(size));
        }
        if !self.has_range(&response, &claim.range)? {
            return Ok(Received::OtherRange);
        }
        loop {
            let chunk = match self.client.chunk(&mut response).await {
                Err(_) if partial.is_received(claim) => return Ok(Received::Remainder),
                chunk => chunk?,
            };
            let Some(chunk) = chunk else { break };
            let Ok(appended) = partial.append(claim, &chunk).await else {
                return Ok(Received::FileFailed);
            };
            self.transfer.progress.report(partial.received());
            match appended {
                Appended::More | Appended::ChunkFull => {}
                Appended::TakenOver => return Ok(Received::Remainder),
                Appended::TooLong => return Err(too_long(&claim.range)),
            }
        }
        if partial.is_received(claim) {
            return Ok(Received::Remainder);
        }
        Err(Error::Interrupted { source: None })
    }

    fn has_range(&self, response: &Response, range: &Range<u64>) -> Result<bool, Error> {
        let is_whole = *range == (0..self.image.size);
        if starts_at(response, range.start)? {
            return Ok(is_whole || response.status() != StatusCode::OK);
        }
        if is_whole {
            return Err(Error::malformed(REQUEST, "it does not start at byte 0"));
        }
        Ok(false)
    }
}

fn too_long(range: &Range<u64>) -> Error {
    let Range { start, end } = range;
    let reason = format!("it has more than the bytes from {start} to {end}");
    Error::malformed(REQUEST, reason)
}
