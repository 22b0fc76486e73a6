//! The cryptography provider, and the clock of the project in the form that rustls takes.

use std::{
    sync::{Arc, LazyLock},
    time::Duration,
};

use aar_types::Clock;
use rustls::{crypto::CryptoProvider, pki_types::UnixTime, time_provider::TimeProvider};

static PROVIDER: LazyLock<Arc<CryptoProvider>> =
    LazyLock::new(|| Arc::new(rustls::crypto::aws_lc_rs::default_provider()));

pub(crate) fn provider() -> Arc<CryptoProvider> {
    Arc::clone(&PROVIDER)
}

#[derive(Debug, Clone)]
pub(crate) struct Time(pub(crate) Clock);

impl TimeProvider for Time {
    fn current_time(&self) -> Option<UnixTime> {
        let seconds = u64::try_from(self.0.now().as_second()).ok()?;
        Some(UnixTime::since_unix_epoch(Duration::from_secs(seconds)))
    }
}
