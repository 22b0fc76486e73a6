use std::sync::{Mutex, PoisonError};

use aar_types::Clock;
use axum::{
    http::{HeaderValue, header::DATE},
    response::Response,
};
use jiff::{Timestamp, fmt::rfc2822::DateTimePrinter};

static LAST: Mutex<Option<(i64, HeaderValue)>> = Mutex::new(None);

/// Adds the header `Date`. The one that hyper adds does not follow a clock that is set back.
pub fn add_date(response: &mut Response) {
    if let Some(date) = date_of(Clock::system().now()) {
        response.headers_mut().insert(DATE, date);
    }
}

/// The text is made once a second.
fn date_of(now: Timestamp) -> Option<HeaderValue> {
    let second = now.as_second();
    let mut last = LAST.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((at, date)) = &*last
        && *at == second
    {
        return Some(date.clone());
    }
    let text = DateTimePrinter::new().timestamp_to_rfc9110_string(&now);
    let date = HeaderValue::from_str(&text.ok()?).ok()?;
    *last = Some((second, date.clone()));
    Some(date)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn date_follows_a_clock_that_is_set_back() {
        let at = |second| date_of(Timestamp::from_second(second).unwrap()).unwrap();
        assert_eq!(
            at(784_111_777 + 31_536_000),
            "Mon, 06 Nov 1995 08:49:37 GMT"
        );
        assert_eq!(at(784_111_777), "Sun, 06 Nov 1994 08:49:37 GMT");
    }
}
