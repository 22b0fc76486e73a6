mod target;

use std::{
    io::{self, Write},
    path::Path,
    time::Duration,
};

use aar_types::Digest;
use bytes::Bytes;
use http::{HeaderMap, Method, Response, header};
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};
use sha2::{Digest as _, Sha256};
use tokio::{sync::mpsc, time::timeout};

use self::target::Target;
use super::{AmsClient, applications::version, call::context, call::empty};
use crate::{Error, headers};

/// How many chunks may wait to be written while the next ones arrive.
const QUEUE: usize = 16;
const BUFFER: usize = 1024 * 1024;

/// How long nothing may arrive before the download is given up.
const IDLE_LIMIT: Duration = Duration::from_mins(1);

/// An image that is about to be downloaded: AMS has answered, nothing is written yet.
#[derive(Debug)]
pub struct Export {
    client: AmsClient,
    file_name: Option<String>,
    announced: Digest,
    body: Incoming,
}

/// An image that has been downloaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exported {
    /// Its SHA-256.
    pub digest: Digest,
    /// Its size in bytes.
    pub size: u64,
}

impl AmsClient {
    /// Asks for the image of a version.
    pub async fn export(&self, id: &str, number: u32) -> Result<Export, Error> {
        let path = version(id, number);
        let answer = self
            .send(self.request(Method::GET, &path, empty())?)
            .await?;
        Export::new(self.clone(), answer).ok_or_else(|| Error::Malformed {
            context: format!(
                "{}: no {}",
                context(&Method::GET, &path),
                headers::FINGERPRINT
            ),
            source: None,
        })
    }
}

impl Export {
    fn new(client: AmsClient, answer: Response<Incoming>) -> Option<Self> {
        let announced = answer.headers().get(headers::FINGERPRINT)?;
        Some(Self {
            client,
            announced: announced.to_str().ok()?.parse().ok()?,
            file_name: file_name(answer.headers()),
            body: answer.into_body(),
        })
    }

    /// The file name that AMS proposes. It is a bare name: nothing in it leads to another folder.
    pub fn file_name(&self) -> Option<&str> {
        self.file_name.as_deref()
    }

    /// The size in bytes, where AMS tells it.
    pub fn size(&self) -> Option<u64> {
        self.body.size_hint().exact()
    }

    /// Writes the image to a file, which appears only when all of it has arrived undamaged. Into
    /// what is no file, such as a pipe, it is written as it arrives. `received` hears how many bytes
    /// have come.
    pub async fn write(self, to: &Path, received: impl Fn(u64)) -> Result<Exported, Error> {
        let path = to.to_owned();
        let written = self.fill(move || Target::at(&path), received).await;
        written.map_err(|error| match error {
            Error::File(error) => cannot_write(to, &error).into(),
            other => other,
        })
    }

    /// Writes the image as it arrives. Whether it is good is known only at its end.
    pub async fn stream(
        self,
        out: impl Write + Send + 'static,
        received: impl Fn(u64),
    ) -> Result<Exported, Error> {
        self.fill(|| Ok(Target::stream(out)), received).await
    }

    async fn fill(
        self,
        open: impl FnOnce() -> io::Result<Target> + Send + 'static,
        received: impl Fn(u64),
    ) -> Result<Exported, Error> {
        let announced = self.announced;
        let (chunks, queue) = mpsc::channel(QUEUE);
        let writer = tokio::task::spawn_blocking(move || write_chunks(open()?, queue));
        let arrived = self.forward(chunks, received).await;
        // Who cannot write makes the other side stop: that error is the one to tell.
        let (target, exported) = writer.await.map_err(io::Error::other)??;
        arrived?;
        if exported.digest != announced {
            return Err(Error::Damaged {
                announced,
                received: exported.digest,
                passed_on: target.is_stream(),
            });
        }
        let kept = tokio::task::spawn_blocking(move || target.keep());
        kept.await.map_err(io::Error::other)??;
        Ok(exported)
    }

    async fn forward(
        mut self,
        chunks: mpsc::Sender<Bytes>,
        received: impl Fn(u64),
    ) -> Result<(), Error> {
        let mut position = 0;
        while let Some(chunk) = self.chunk().await? {
            position += chunk.len() as u64;
            received(position);
            if chunks.send(chunk).await.is_err() {
                break;
            }
        }
        Ok(())
    }

    async fn chunk(&mut self) -> Result<Option<Bytes>, Error> {
        loop {
            let frame = timeout(IDLE_LIMIT, self.body.frame()).await;
            let frame = frame.map_err(|_| self.client.silent(IDLE_LIMIT))?;
            let Some(frame) = frame.transpose().map_err(|e| self.client.broken(e))? else {
                return Ok(None);
            };
            if let Ok(data) = frame.into_data() {
                return Ok(Some(data));
            }
        }
    }
}

/// Writes and hashes at the same time as the next chunks arrive.
fn write_chunks(
    mut target: Target,
    mut queue: mpsc::Receiver<Bytes>,
) -> io::Result<(Target, Exported)> {
    let mut writer = io::BufWriter::with_capacity(BUFFER, target.writer());
    let mut hash = Sha256::new();
    let mut size = 0;
    while let Some(chunk) = queue.blocking_recv() {
        hash.update(&chunk);
        writer.write_all(&chunk)?;
        size += chunk.len() as u64;
    }
    writer.flush()?;
    drop(writer);
    let digest = Digest::from_bytes(hash.finalize().into());
    Ok((target, Exported { digest, size }))
}

/// The same failure, of the file that was asked for: nobody knows the one that is written first.
fn cannot_write(to: &Path, error: &io::Error) -> io::Error {
    let cause = match error.get_ref().map(|inner| inner.source()) {
        None => error.to_string(),
        Some(Some(cause)) => cause.to_string(),
        // The text names the file.
        Some(None) => error.kind().to_string(),
    };
    io::Error::new(
        error.kind(),
        format!("failed to write `{}`: {cause}", to.display()),
    )
}

/// The file name of a `Content-Disposition`, if it is a bare and visible name.
fn file_name(headers: &HeaderMap) -> Option<String> {
    let text = headers.get(header::CONTENT_DISPOSITION)?.to_str().ok()?;
    let (_, name) = text.split_once("filename=")?;
    let name = match name.strip_prefix('"') {
        Some(quoted) => quoted.split('"').next()?,
        None => name.split(';').next()?.trim(),
    };
    let good = !name.is_empty() && !name.starts_with('.') && !name.contains(['/', '\\', '\0']);
    good.then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(disposition: &str) -> Option<String> {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_DISPOSITION, disposition.parse().unwrap());
        file_name(&headers)
    }

    #[test]
    fn only_bare_file_names_are_taken() {
        let plain = name("attachment; filename=app_0.tar.zst; size=3");
        assert_eq!(plain.as_deref(), Some("app_0.tar.zst"));
        let quoted = name("attachment; filename=\"app 0.tar.zst\"");
        assert_eq!(quoted.as_deref(), Some("app 0.tar.zst"));
        for bad in ["../x", "/etc/passwd", ".bashrc", ""] {
            assert_eq!(name(&format!("attachment; filename=\"{bad}\"")), None);
        }
    }
}
