//! The limits of what is read from a registry into memory.

use std::time::Duration;

/// The bytes of one response. A page of the catalogue is far smaller.
pub const RESPONSE_BYTES: usize = 16 << 20;
/// The values in one response.
pub const RESPONSE_VALUES: usize = 1_000_000;
/// The entries of one list or object in a response. A page of the catalogue has 500 applications.
pub const LIST_ENTRIES: usize = 50_000;
/// The bytes of one text in a response.
pub const TEXT_BYTES: usize = 64 << 10;
/// The lists and objects inside each other in a response.
pub const RESPONSE_DEPTH: usize = 32;
/// The applications of a listing, which is held in memory.
pub const LISTING_APPLICATIONS: usize = 25_000;
/// The versions of all applications of a listing.
pub const LISTING_VERSIONS: usize = 250_000;
/// The pages of a listing. A page may be shorter than requested, but a listing has an end.
pub const LISTING_PAGES: usize = 500;
/// The bytes of all pages of a listing.
pub const LISTING_BYTES: usize = 128 << 20;
/// The values in all pages of a listing. The largest number of versions fits.
pub const LISTING_VALUES: usize = 4_000_000;
/// The longest wait that a registry can request.
pub const RETRY_AFTER: Duration = Duration::from_mins(2);
