//! Ctrl-C during the demo.

use std::{
    sync::mpsc::{self, Receiver, RecvTimeoutError},
    time::Duration,
};

use anyhow::{Result, bail};

/// Receives Ctrl-C so that the demo can delete its folder before it exits.
pub(super) struct Interrupt(Receiver<()>);

impl Interrupt {
    pub(super) fn listen() -> Result<Self> {
        let (sender, receiver) = mpsc::channel();
        ctrlc::set_handler(move || {
            let _ = sender.send(());
        })?;
        Ok(Self(receiver))
    }

    pub(super) fn wait(&self) -> Result<()> {
        Ok(self.0.recv()?)
    }

    /// Sleeps, or fails at Ctrl-C.
    pub(super) fn sleep(&self, duration: Duration) -> Result<()> {
        match self.0.recv_timeout(duration) {
            Err(RecvTimeoutError::Timeout) => Ok(()),
            Ok(()) | Err(RecvTimeoutError::Disconnected) => bail!("interrupted"),
        }
    }
}
