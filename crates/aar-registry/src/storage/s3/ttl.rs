//! The time to live of a signed URL.

use std::time::Duration;

/// The minimum, so that the download of a small image may start late.
const SHORTEST: Duration = Duration::from_hours(1);
/// The assumed download rate, in bytes a second.
const RATE: u64 = 1 << 20;
/// The limit of S3.
const LONGEST: Duration = Duration::from_hours(7 * 24);

/// The configured time, or the time that an image of this size needs.
pub(super) fn of_url(size: u64, configured: Option<Duration>) -> Duration {
    let needed = Duration::from_secs(size.div_ceil(RATE)).max(SHORTEST);
    configured.unwrap_or(needed)
}

/// The same for a URL that S3 checks. It expires with the credentials that sign it.
pub(super) fn of_presigned_url(
    size: u64,
    configured: Option<Duration>,
    credentials: Option<Duration>,
) -> Duration {
    let ttl = of_url(size, configured).min(LONGEST);
    credentials.map_or(ttl, |left| ttl.min(left))
}

#[cfg(test)]
mod tests {
    use super::*;

    const GIB: u64 = 1 << 30;
    const HOUR: u64 = 60 * 60;

    #[test]
    fn url_lives_as_long_as_its_image_needs_or_as_configured() {
        let minute = Some(Duration::from_mins(1));
        for (size, configured, expected) in [
            (1, None, HOUR),
            (3600 << 20, None, HOUR),
            ((3600 << 20) + 1, None, HOUR + 1),
            (100 * GIB, None, 100 * 1024),
            (100 * GIB, minute, 60),
            (1, minute, 60),
        ] {
            let ttl = of_url(size, configured);
            assert_eq!(ttl, Duration::from_secs(expected), "{size} {configured:?}");
        }
    }

    #[test]
    fn presigned_url_outlives_neither_its_credentials_nor_the_limit_of_s3() {
        let seconds = |seconds| Some(Duration::from_secs(seconds));
        for (size, configured, credentials, expected) in [
            (1, None, None, HOUR),
            (1, None, seconds(600), 600),
            (1, seconds(60), seconds(600), 60),
            (1, None, seconds(2 * HOUR), HOUR),
            (5 << 40, None, None, 7 * 24 * HOUR),
            (5 << 40, None, seconds(6 * HOUR), 6 * HOUR),
        ] {
            let ttl = of_presigned_url(size, configured, credentials);
            assert_eq!(ttl, Duration::from_secs(expected), "{size} {configured:?}");
        }
    }
}
