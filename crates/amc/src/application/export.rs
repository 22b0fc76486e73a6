use std::{
    fmt,
    path::{Path, PathBuf},
};

use aar_cli::Bytes;
use aar_types::VersionNumber;
use ams_api::{Export, Exported};
use clap::Args;

use crate::session::Session;

/// What stands for standard output. Opened by its path, a file would be replaced or written over
/// instead of added to.
const STDOUT: &[&str] = &["-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"];

#[derive(Debug, Args)]
pub(crate) struct ExportArgs {
    /// Id or name of the application
    id: String,
    /// Number of the version
    version: VersionNumber,
    /// File or folder to write to; `-` writes to standard output [default: the name that AMS
    /// proposes, in this folder]
    path: Option<PathBuf>,
}

pub(crate) async fn export(session: &Session, arguments: &ExportArgs) -> anyhow::Result<()> {
    let client = session.client()?;
    let export = client.export(&arguments.id, arguments.version.0).await?;
    let to = arguments.destination(&export);
    let progress = session.printer.progress("exporting", export.size());
    let written = to.take(export, |bytes| progress.advance_to(bytes)).await;
    progress.finish();
    let size = Bytes(written?.size);
    session
        .printer
        .note(format_args!("exported to {to} ({size})"));
    Ok(())
}

impl ExportArgs {
    fn destination(&self, export: &Export) -> Destination {
        let name = match export.file_name() {
            Some(name) => name.to_owned(),
            None => format!("{}_{}.tar.zst", self.id, self.version),
        };
        Destination::new(self.path.as_deref(), &name)
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Destination {
    Stdout,
    Path(PathBuf),
}

impl Destination {
    fn new(path: Option<&Path>, name: &str) -> Self {
        match path {
            None => Self::Path(PathBuf::from(name)),
            Some(path) if STDOUT.iter().any(|it| path.as_os_str() == *it) => Self::Stdout,
            Some(folder) if folder.is_dir() => Self::Path(folder.join(name)),
            Some(file) => Self::Path(file.to_owned()),
        }
    }

    async fn take(&self, export: Export, received: impl Fn(u64)) -> anyhow::Result<Exported> {
        match self {
            Self::Path(path) => Ok(export.write(path, received).await?),
            Self::Stdout => match export.stream(std::io::stdout(), received).await {
                Err(ams_api::Error::File(error)) => Err(error.into()),
                other => Ok(other?),
            },
        }
    }
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stdout => f.write_str("standard output"),
            Self::Path(path) => path.display().fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_gets_a_file_with_the_proposed_name() {
        let path = |path: &Path| Destination::Path(path.to_owned());
        let folder = tempfile::tempdir().unwrap();
        let inside = Destination::new(Some(folder.path()), "app_0.tar.zst");
        assert_eq!(inside, path(&folder.path().join("app_0.tar.zst")));
        let file = folder.path().join("other");
        assert_eq!(Destination::new(Some(&file), "app_0.tar.zst"), path(&file));
        assert_eq!(Destination::new(None, "a"), path(Path::new("a")));
    }

    #[test]
    fn standard_output_has_its_usual_names() {
        for name in STDOUT {
            let to = Destination::new(Some(Path::new(name)), "a");
            assert_eq!(to, Destination::Stdout, "{name}");
        }
        let file = Destination::new(Some(Path::new("./-")), "a");
        assert_eq!(file, Destination::Path("./-".into()));
    }
}
