use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The limit over all uploads, which bounds the memory.
pub(super) const MAX_MIB_IN_FLIGHT: u32 = 64;

/// Limits the bytes that all uploads to a bucket have in flight.
#[derive(Debug, Clone)]
pub(super) struct UploadPermits(Arc<Semaphore>);

impl Default for UploadPermits {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(MAX_MIB_IN_FLIGHT as usize)))
    }
}

impl UploadPermits {
    /// A part that is larger than the limit is sent alone.
    pub(super) async fn acquire(&self, bytes: u64) -> Option<OwnedSemaphorePermit> {
        let mib = u32::try_from(bytes.div_ceil(1 << 20)).unwrap_or(MAX_MIB_IN_FLIGHT);
        let permit = Arc::clone(&self.0).acquire_many_owned(mib.min(MAX_MIB_IN_FLIGHT));
        permit.await.ok()
    }
}
