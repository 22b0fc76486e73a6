use std::{
    cell::Cell,
    io,
    sync::atomic::{AtomicBool, Ordering},
};

use crate::Error;

/// The progress of writing an image: reported to the caller, who can cancel the work.
pub(crate) struct ImageProgress<'a> {
    report: &'a dyn Fn(u64),
    cancelled: &'a AtomicBool,
    written: Cell<u64>,
}

impl<'a> ImageProgress<'a> {
    pub(crate) fn new(report: &'a dyn Fn(u64), cancelled: &'a AtomicBool) -> Self {
        Self {
            report,
            cancelled,
            written: Cell::new(0),
        }
    }

    pub(crate) fn check_cancelled(&self) -> Result<(), Error> {
        if self.cancelled.load(Ordering::Relaxed) {
            return Err(Error::Cancelled);
        }
        Ok(())
    }

    pub(crate) fn advance(&self, count: usize) -> io::Result<()> {
        self.check_cancelled().map_err(io::Error::other)?;
        self.written.set(self.written.get() + count as u64);
        (self.report)(self.written.get());
        Ok(())
    }

    /// Replaces an error that only follows from the cancellation.
    pub(crate) fn cancelled_or(&self, error: Error) -> Error {
        self.check_cancelled().err().unwrap_or(error)
    }
}
