//! Ctrl-C, at whatever point of the demo.

use std::{
    sync::mpsc::{self, Receiver, RecvTimeoutError},
    time::Duration,
};

use anyhow::{Result, bail};

/// Hears of Ctrl-C instead of being ended by it, so that the folder of the demo is removed.
pub(crate) struct Interrupt(Receiver<()>);

impl Interrupt {
    /// Begins to listen.
    pub(crate) fn listen() -> Result<Self> {
        let (sender, receiver) = mpsc::channel();
        ctrlc::set_handler(move || {
            let _ = sender.send(());
        })?;
        Ok(Self(receiver))
    }

    /// Waits for Ctrl-C.
    pub(crate) fn wait(&self) -> Result<()> {
        Ok(self.0.recv()?)
    }

    /// Waits for a moment, or fails at Ctrl-C.
    pub(crate) fn pause(&self, moment: Duration) -> Result<()> {
        match self.0.recv_timeout(moment) {
            Err(RecvTimeoutError::Timeout) => Ok(()),
            Ok(()) | Err(RecvTimeoutError::Disconnected) => bail!("interrupted"),
        }
    }
}
