use std::time::{Duration, Instant};

/// The limit for events that are immediate on an idle machine. Tests also run on busy ones.
pub const SOON: Duration = Duration::from_mins(1);

const INTERVAL: Duration = Duration::from_millis(15);

/// Polls until there is a value. Panics after the limit with the name of the event.
pub fn eventually<T>(event: &str, limit: Duration, mut poll: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(value) = poll() {
            return value;
        }
        assert!(
            start.elapsed() < limit,
            "this did not happen within {limit:?}: {event}"
        );
        std::thread::sleep(INTERVAL);
    }
}

/// Polls until a condition holds.
pub fn until(event: &str, limit: Duration, mut condition: impl FnMut() -> bool) {
    eventually(event, limit, || condition().then_some(()));
}
