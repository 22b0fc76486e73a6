//! Downloads: into a partial file beside the final one, resumed with what it has, and verified before the
//! file gets its final name. Several requests for ranges run beside each other where that is faster.

mod content;
mod content_file;
mod extents;
mod partial_file;
mod pipeline;
mod ranges;
mod redirect;
mod remainder;
mod stream_controller;
mod tail;

use std::{
    path::{Path, PathBuf},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use aar_types::{ApplicationName, Architecture, ImageInfo, VersionNumber};
use backon::ExponentialBackoff;

use self::{
    partial_file::{PartialFile, digest_of, place},
    redirect::Redirect,
    remainder::Received,
};
use crate::{Error, RegistryClient, Transfer, stream_budget::StreamShare};

/// Named in errors.
const REQUEST: &str = "an image";

/// One stream among others is replaced earlier than a sole one gives up.
const STALL_PER_SILENCE: u32 = 6;

impl RegistryClient {
    /// Downloads the image of a version to a file. If the file exists, its digest is verified, and
    /// it is downloaded only if the digest differs.
    pub async fn download(
        &self,
        name: &ApplicationName,
        architecture: Architecture,
        number: VersionNumber,
        image: &ImageInfo,
        to: &Path,
        transfer: &Transfer,
    ) -> Result<(), Error> {
        let download = Download {
            client: self,
            version: (name, architecture, number),
            image,
            to,
            partial: partial_path(to),
            transfer,
            share: self.streams().join(),
            accepts_ranges: AtomicBool::new(false),
            range_refused: AtomicBool::new(false),
            latency: Mutex::default(),
            storage: Mutex::default(),
            renewal: tokio::sync::Mutex::default(),
        };
        download.run().await
    }
}

fn partial_path(to: &Path) -> PathBuf {
    let mut path = to.as_os_str().to_owned();
    path.push(".partial");
    path.into()
}

struct Download<'a> {
    client: &'a RegistryClient,
    version: (&'a ApplicationName, Architecture, VersionNumber),
    image: &'a ImageInfo,
    to: &'a Path,
    partial: PathBuf,
    transfer: &'a Transfer,
    share: StreamShare,
    /// Whether the server says that it sends ranges.
    accepts_ranges: AtomicBool,
    /// Whether the server has answered a request for a range with something else.
    range_refused: AtomicBool,
    /// Of the last request.
    latency: Mutex<Duration>,
    /// The storage to which the registry has redirected, as long as it accepts the URL.
    storage: Mutex<Option<Redirect>>,
    /// Held while the registry is asked for another URL, so that the streams ask once.
    renewal: tokio::sync::Mutex<()>,
}

impl Download<'_> {
    /// Downloads the image. One that differs from the declared image is downloaded a second time.
    async fn run(&self) -> Result<(), Error> {
        if let Some(folder) = self.to.parent() {
            fs_err::tokio::create_dir_all(folder).await?;
        }
        match self.attempt().await {
            Err(error @ (Error::DigestMismatch { .. } | Error::SizeMismatch { .. })) => {
                let (application, _, version) = self.version;
                tracing::warn!(%application, %version, %error, "downloading an image again");
                self.attempt().await
            }
            result => result,
        }
    }

    async fn attempt(&self) -> Result<(), Error> {
        let silence = self.client.timeouts().stall / STALL_PER_SILENCE;
        let opening = PartialFile::open(&self.partial, self.image.size, silence);
        let mut partial = self.unless_cancelled(opening).await?;
        if self.is_complete().await? {
            return partial.discard().await;
        }
        let mut backoff = self.client.backoff();
        let mut furthest = partial.received();
        while !partial.is_complete() {
            let receiving = self.receive_remainder(&partial);
            let received = self.unless_cancelled(receiving).await;
            if partial.release_all().await.is_err() {
                break;
            }
            // Bytes that are received again after a restart are no progress.
            if partial.received() > furthest {
                furthest = partial.received();
                backoff = self.client.backoff();
            }
            match received {
                Ok(Received::Remainder) => {}
                Ok(Received::FileFailed) => break,
                Ok(Received::OtherSize(found)) => {
                    partial.discard().await?;
                    self.transfer.progress.report(0);
                    let expected = self.image.size;
                    return Err(Error::SizeMismatch { expected, found });
                }
                Ok(Received::OtherRange) => {
                    self.range_refused.store(true, Ordering::Relaxed);
                    let error = Error::Interrupted { source: None };
                    partial = self.wait_before_retry(partial, &mut backoff, error).await?;
                    partial = partial.restart(self.image.size).await?;
                }
                Err(error) => {
                    partial = self.wait_before_retry(partial, &mut backoff, error).await?;
                }
            }
        }
        self.conclude(partial).await
    }

    /// Waits before the next attempt. If there is none, the received bytes are kept in the file.
    async fn wait_before_retry(
        &self,
        partial: PartialFile,
        backoff: &mut ExponentialBackoff,
        error: Error,
    ) -> Result<PartialFile, Error> {
        let wait = self.client.wait_before_retry(backoff, error);
        if let Err(last) = self.unless_cancelled(wait).await {
            // The reason for the end is more important than a failure to keep the bytes.
            let _ = partial.keep().await;
            return Err(last);
        }
        Ok(partial)
    }

    /// Awaits work that can be dropped at any time.
    async fn unless_cancelled<T>(
        &self,
        work: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        tokio::select! {
            biased;
            () = self.transfer.cancelled.cancelled() => Err(Error::Cancelled),
            done = work => done,
        }
    }

    /// Whether the final file exists with the declared content.
    async fn is_complete(&self) -> Result<bool, Error> {
        let found = fs_err::tokio::metadata(self.to).await;
        let fits = found.is_ok_and(|found| found.len() == self.image.size);
        if !fits || self.unless_cancelled(digest_of(self.to)).await? != self.image.digest {
            return Ok(false);
        }
        self.transfer.progress.report(self.image.size);
        Ok(true)
    }

    /// Verifies the complete file and gives it its final name, or reports the failure of the file.
    async fn conclude(&self, partial: PartialFile) -> Result<(), Error> {
        let (found, file) = self.unless_cancelled(partial.finish()).await?;
        let expected = self.image.digest;
        if found == expected {
            return place(file, &self.partial, self.to).await;
        }
        fs_err::tokio::remove_file(&self.partial).await?;
        drop(file);
        self.transfer.progress.report(0);
        Err(Error::DigestMismatch { expected, found })
    }
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
