use std::{fmt, sync::Arc};

use tokio_util::sync::CancellationToken;

/// An observer of the progress of a transfer.
pub trait TransferProgress: Send + Sync {
    /// Is called with the number of bytes transferred so far. The number falls when bytes must be
    /// sent again.
    fn report(&self, bytes: u64);
}

impl<F: Fn(u64) + Send + Sync> TransferProgress for F {
    fn report(&self, bytes: u64) {
        self(bytes);
    }
}

/// Lets the caller observe and cancel a transfer.
#[derive(Clone)]
pub struct Transfer {
    /// Observes the progress.
    pub progress: Arc<dyn TransferProgress>,
    /// Cancels the transfer. The next attempt continues with the bytes transferred so far.
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
