//! How long a signed address lives.

use std::time::Duration;

/// What every address lives at least, so that small images survive a slow start.
const SHORTEST: Duration = Duration::from_hours(1);
/// What a download is assumed to manage in a second.
const PACE: u64 = 1 << 20;
/// What the signature of S3 allows at most.
const LONGEST: Duration = Duration::from_hours(7 * 24);

/// The life that an image of this size needs, or the one that was asked for.
pub(super) fn of_address(size: u64, asked: Option<Duration>) -> Duration {
    let needed = Duration::from_secs(size.div_ceil(PACE)).max(SHORTEST);
    asked.unwrap_or(needed)
}

/// The same for an address that S3 itself checks. It cannot live longer than what signs it.
pub(super) fn of_presigned(
    size: u64,
    asked: Option<Duration>,
    credential: Option<Duration>,
) -> Duration {
    let life = of_address(size, asked).min(LONGEST);
    credential.map_or(life, |left| life.min(left))
}

#[cfg(test)]
mod tests {
    use super::*;

    const GIB: u64 = 1 << 30;
    const HOUR: u64 = 60 * 60;

    #[test]
    fn an_address_lives_as_long_as_its_image_needs_unless_somebody_says_otherwise() {
        let minute = Some(Duration::from_mins(1));
        for (size, asked, expected) in [
            (1, None, HOUR),
            (3600 << 20, None, HOUR),
            ((3600 << 20) + 1, None, HOUR + 1),
            (100 * GIB, None, 100 * 1024),
            (100 * GIB, minute, 60),
            (1, minute, 60),
        ] {
            let life = of_address(size, asked);
            assert_eq!(life, Duration::from_secs(expected), "{size} {asked:?}");
        }
    }

    #[test]
    fn an_address_never_outlives_what_signs_it_nor_what_s3_allows() {
        let seconds = |seconds| Some(Duration::from_secs(seconds));
        for (size, asked, credential, expected) in [
            (1, None, None, HOUR),
            (1, None, seconds(600), 600),
            (1, seconds(60), seconds(600), 60),
            (1, None, seconds(2 * HOUR), HOUR),
            (5 << 40, None, None, 7 * 24 * HOUR),
            (5 << 40, None, seconds(6 * HOUR), 6 * HOUR),
        ] {
            let life = of_presigned(size, asked, credential);
            assert_eq!(life, Duration::from_secs(expected), "{size} {asked:?}");
        }
    }
}
