//! The client over real TLS, against test servers whose responses and faults each test defines.
#![expect(clippy::unwrap_used, reason = "a failed step fails the test")]

mod download;
mod full_volume;
mod parallel;
mod redirects;
mod requests;
mod storage;
mod support;
mod upload;
