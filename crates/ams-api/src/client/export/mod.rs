mod target;

use std::{
    io::{self, Write},
    path::Path,
    time::Duration,
};

use aar_fs::HashingWriter;
use aar_http::{Body, HeaderMap, Method, Response, header};
use aar_types::Digest;
use bytes::Bytes;
use tokio::{sync::mpsc, time::timeout};

use self::target::ExportTarget;
use super::{AmsClient, applications::version, call::context};
use crate::{Error, headers};

/// Chunks that may wait to be written.
const QUEUE: usize = 16;
const BUFFER: usize = 1024 * 1024;

/// The time without data after which the download fails.
const IDLE_LIMIT: Duration = Duration::from_mins(1);

/// A download of an image whose headers have arrived. Nothing is written yet.
#[derive(Debug)]
pub struct Export {
    client: AmsClient,
    file_name: Option<String>,
    announced: Digest,
    response: Response,
}

/// A complete download of an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exported {
    /// The SHA-256.
    pub digest: Digest,
    /// The size in bytes.
    pub size: u64,
}

impl AmsClient {
    /// Starts to download the image of a version.
    pub async fn export(&self, id: &str, number: u32) -> Result<Export, Error> {
        let path = version(id, number);
        let response = self
            .send(self.request(Method::GET, &path, Body::default())?)
            .await?;
        Export::new(self.clone(), response).ok_or_else(|| Error::Malformed {
            context: format!(
                "{}: there is no {}",
                context(&Method::GET, &path),
                headers::FINGERPRINT
            ),
            source: None,
        })
    }
}

impl Export {
    fn new(client: AmsClient, response: Response) -> Option<Self> {
        let announced = response.headers().get(headers::FINGERPRINT)?;
        Some(Self {
            client,
            announced: announced.to_str().ok()?.parse().ok()?,
            file_name: file_name(response.headers()),
            response,
        })
    }

    /// The file name that AMS proposes, without any path.
    pub fn file_name(&self) -> Option<&str> {
        self.file_name.as_deref()
    }

    /// The size in bytes, if AMS announces it.
    pub fn size(&self) -> Option<u64> {
        let length = self.response.headers().get(header::CONTENT_LENGTH)?;
        length.to_str().ok()?.parse().ok()
    }

    /// Writes the image to a file, which appears only when the image is complete and undamaged. Other
    /// targets, such as a pipe, get the image as it arrives. `received` is called with the number of
    /// bytes received so far.
    pub async fn write(self, to: &Path, received: impl Fn(u64)) -> Result<Exported, Error> {
        let path = to.to_owned();
        let written = self.fill(move || ExportTarget::at(&path), received).await;
        written.map_err(|error| match error {
            Error::File(error) => cannot_write(to, &error).into(),
            other => other,
        })
    }

    /// Writes the image as it arrives. Only the result tells whether it is undamaged.
    pub async fn stream(
        self,
        out: impl Write + Send + 'static,
        received: impl Fn(u64),
    ) -> Result<Exported, Error> {
        self.fill(|| Ok(ExportTarget::stream(out)), received).await
    }

    async fn fill(
        self,
        open: impl FnOnce() -> io::Result<ExportTarget> + Send + 'static,
        received: impl Fn(u64),
    ) -> Result<Exported, Error> {
        let announced = self.announced;
        let (chunks, queue) = mpsc::channel(QUEUE);
        let writer = tokio::task::spawn_blocking(move || write_chunks(open()?, queue));
        let forwarded = self.forward(chunks, received).await;
        // A failed writer ends the download too, so its error comes first.
        let (target, exported) = writer.await.map_err(io::Error::other)??;
        forwarded?;
        if exported.digest != announced {
            return Err(Error::Damaged {
                announced,
                received: exported.digest,
                streamed: target.is_stream(),
            });
        }
        let committed = tokio::task::spawn_blocking(move || target.commit());
        committed.await.map_err(io::Error::other)??;
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
        let chunk = timeout(IDLE_LIMIT, self.client.chunk(&mut self.response)).await;
        chunk.map_err(|_| self.client.no_response(IDLE_LIMIT))?
    }
}

/// Writes and hashes while the next chunks arrive.
fn write_chunks(
    mut target: ExportTarget,
    mut queue: mpsc::Receiver<Bytes>,
) -> io::Result<(ExportTarget, Exported)> {
    let writer = io::BufWriter::with_capacity(BUFFER, target.writer());
    let mut writer = HashingWriter::new(writer);
    while let Some(chunk) = queue.blocking_recv() {
        writer.write_all(&chunk)?;
    }
    writer.flush()?;
    let (_, digest, size) = writer.finish();
    Ok((target, Exported { digest, size }))
}

/// Names the file of the caller instead of the temporary one.
fn cannot_write(to: &Path, error: &io::Error) -> io::Error {
    let cause = match error.get_ref().map(|inner| inner.source()) {
        None => error.to_string(),
        Some(Some(cause)) => cause.to_string(),
        // The text contains the path of the temporary file.
        Some(None) => error.kind().to_string(),
    };
    io::Error::new(
        error.kind(),
        format!("failed to write `{}`: {cause}", to.display()),
    )
}

/// The file name of a `Content-Disposition`. Paths and hidden names are refused.
fn file_name(headers: &HeaderMap) -> Option<String> {
    let text = headers.get(header::CONTENT_DISPOSITION)?.to_str().ok()?;
    let (_, name) = text.split_once("filename=")?;
    let name = match name.strip_prefix('"') {
        Some(quoted) => quoted.split('"').next()?,
        None => name.split(';').next()?.trim(),
    };
    let is_safe = !name.is_empty() && !name.starts_with('.') && !name.contains(['/', '\\', '\0']);
    is_safe.then(|| name.to_owned())
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
    fn proposed_file_name_with_a_path_is_ignored() {
        let plain = name("attachment; filename=app_0.tar.zst; size=3");
        assert_eq!(plain.as_deref(), Some("app_0.tar.zst"));
        let quoted = name("attachment; filename=\"app 0.tar.zst\"");
        assert_eq!(quoted.as_deref(), Some("app 0.tar.zst"));
        for bad in ["../x", "/etc/passwd", ".bashrc", ""] {
            assert_eq!(name(&format!("attachment; filename=\"{bad}\"")), None);
        }
    }
}
