use std::time::{Duration, Instant};

/// How long anything that should happen soon may take on a busy machine.
pub const SOON: Duration = Duration::from_mins(1);

const PAUSE: Duration = Duration::from_millis(15);

/// Waits until there is something to return; panics with what was waited for.
pub fn eventually<T>(what: &str, limit: Duration, mut look: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(
            begun.elapsed() < limit,
            "within {limit:?} it did not happen: {what}"
        );
        std::thread::sleep(PAUSE);
    }
}

/// Waits until something is so.
pub fn until(what: &str, limit: Duration, mut is_so: impl FnMut() -> bool) {
    eventually(what, limit, || is_so().then_some(()));
}
