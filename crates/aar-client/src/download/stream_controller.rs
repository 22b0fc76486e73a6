//! How many streams a download uses: more as long as that makes it faster.

use std::time::{Duration, Instant};

/// By how much more streams must be faster to be kept.
const GAIN: f64 = 1.15;
const GROWTH: usize = 4;
/// A download that is soon over gets no more streams.
const SOON: f64 = 1.0;
const MIN_WINDOW: Duration = Duration::from_millis(300);
const MAX_WINDOW: Duration = Duration::from_secs(3);
/// For how many windows a number of streams is kept that more could not improve; then for twice as many.
const FIRST_HOLD: u32 = 8;
const MAX_HOLD: u32 = 128;

pub(super) struct StreamController {
    streams: usize,
    /// How many there were before the last increase, and how fast they were.
    before: Option<(usize, f64)>,
    window: Window,
    holds: u32,
    next_hold: u32,
}

/// A time in which new streams get up to speed, and one in which their speed is measured.
struct Window {
    started: Instant,
    measured_since: Option<(Instant, u64)>,
}

/// The progress of a download.
#[derive(Clone, Copy)]
pub(super) struct Progress {
    pub(super) now: Instant,
    pub(super) received: u64,
    pub(super) missing: u64,
    /// From a request to its response.
    pub(super) latency: Duration,
    /// The most streams that the download may have at present.
    pub(super) limit: usize,
}

impl StreamController {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            streams: 1,
            before: None,
            window: Window::new(now),
            holds: 0,
            next_hold: FIRST_HOLD,
        }
    }

    pub(super) fn streams(&self) -> usize {
        self.streams
    }

    /// After the failure of a stream, goes on with those that are left, and tries more later.
    pub(super) fn limit_to(&mut self, streams: usize) {
        self.streams = self.streams.min(streams).max(1);
        self.before = None;
        self.holds = FIRST_HOLD;
    }

    pub(super) fn observe(&mut self, progress: Progress) {
        self.streams = self.streams.min(progress.limit.max(1));
        if let Some(rate) = self.window.measure(&progress) {
            self.window = Window::new(progress.now);
            self.adapt(rate, &progress);
        }
    }

    fn adapt(&mut self, rate: f64, progress: &Progress) {
        if self.holds > 0 {
            self.holds -= 1;
            return;
        }
        if let Some((streams, before)) = self.before.take()
            && rate < before * GAIN
        {
            self.streams = streams.min(self.streams);
            self.holds = self.next_hold;
            self.next_hold = (self.next_hold * 2).min(MAX_HOLD);
            return;
        }
        #[expect(clippy::cast_precision_loss, reason = "an estimate")]
        let seconds_left = progress.missing as f64 / rate.max(1.0);
        let more = (self.streams * GROWTH).min(progress.limit);
        if seconds_left > SOON && more > self.streams {
            self.before = Some((self.streams, rate));
            self.streams = more;
        }
    }
}

impl Window {
    fn new(started: Instant) -> Self {
        Self {
            started,
            measured_since: None,
        }
    }

    /// The speed in bytes per second, once it is measured.
    fn measure(&mut self, progress: &Progress) -> Option<f64> {
        let window = progress.latency.clamp(MIN_WINDOW, MAX_WINDOW);
        let Some((since, received)) = self.measured_since else {
            if progress.now - self.started >= window {
                self.measured_since = Some((progress.now, progress.received));
            }
            return None;
        };
        let elapsed = progress.now - since;
        #[expect(clippy::cast_precision_loss, reason = "an estimate")]
        let bytes = progress.received.saturating_sub(received) as f64;
        (elapsed >= window).then(|| bytes / elapsed.as_secs_f64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MB: u64 = 1_000_000;

    /// How many streams are used in the end on a link with a speed for each number of streams.
    fn streams_on(link: impl Fn(usize) -> u64, size: u64, limit: usize) -> Vec<usize> {
        let start = Instant::now();
        let mut controller = StreamController::new(start);
        let (mut now, mut received) = (start, 0);
        let mut used = vec![1];
        while received < size && now < start + Duration::from_mins(1) {
            now += Duration::from_millis(100);
            received += link(controller.streams()) / 10;
            controller.observe(Progress {
                now,
                received,
                missing: size.saturating_sub(received),
                latency: Duration::from_millis(200),
                limit,
            });
            if used.last() != Some(&controller.streams()) {
                used.push(controller.streams());
            }
        }
        used
    }

    #[test]
    fn streams_that_each_are_slow_grow_up_to_the_limit() {
        let lossy = |streams: usize| streams as u64 * MB;
        assert_eq!(streams_on(lossy, 1000 * MB, 32), [1, 4, 16, 32]);
        assert_eq!(streams_on(lossy, 1000 * MB, 5), [1, 4, 5]);
        assert_eq!(streams_on(lossy, 1000 * MB, 1), [1]);
    }

    #[test]
    fn full_line_returns_to_what_sufficed() {
        let line = |streams: usize| (streams as u64 * 5 * MB).min(20 * MB);
        assert_eq!(streams_on(line, 150 * MB, 32), [1, 4, 16, 4]);
    }

    #[test]
    fn full_line_is_tried_again_seldom() {
        let used = streams_on(|_| 10 * MB, 600 * MB, 32);
        assert_eq!(used.len() % 2, 1, "it ends with one stream: {used:?}");
        assert!((3..=9).contains(&used.len()), "{used:?}");
    }

    #[test]
    fn fast_link_and_small_image_get_one_stream() {
        assert_eq!(streams_on(|_| 1000 * MB, 1500 * MB, 32), [1]);
        assert_eq!(streams_on(|_| MB, MB, 32), [1]);
    }
}
