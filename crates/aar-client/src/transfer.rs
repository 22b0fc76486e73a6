use std::{fmt, sync::Arc};

use tokio_util::sync::CancellationToken;

/// Where somebody watches a transfer.
pub trait TransferProgress: Send + Sync {
    /// So many bytes have arrived in all. The number falls when something has to be sent again.
    fn at(&self, bytes: u64);
}

impl<F: Fn(u64) + Send + Sync> TransferProgress for F {
    fn at(&self, bytes: u64) {
        self(bytes);
    }
}

/// How a transfer is watched and ended by its caller.
#[derive(Clone)]
pub struct Transfer {
    /// Is told how far it is.
    pub progress: Arc<dyn TransferProgress>,
    /// Ends it; what has arrived stays, and the next attempt goes on from there.
    pub cancelled: CancellationToken,
}

impl Default for Transfer {
    fn default() -> Self {
        Self {
            progress: Arc::new(|_| {}),
            cancelled: CancellationToken::new(),
        }
    }
}

impl fmt::Debug for Transfer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transfer")
            .field("cancelled", &self.cancelled.is_cancelled())
            .finish_non_exhaustive()
    }
}
