use std::{
    fmt,
    path::{Path, PathBuf},
};

use aar_cli::Bytes;
use aar_types::VersionNumber;
use ams_api::{Export, Exported};
use clap::Args;

use crate::session::Session;

/// The names of standard output. A redirected file that is opened by such a path would be overwritten
/// instead of appended to.
const STDOUT: &[&str] = &["-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"];

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  amc application export candy 0                # to this folder, under the proposed name
  amc application export candy 0 backup/
  amc application export candy 0 - | tar --zstd --list")]
pub(crate) struct ExportArgs {
    /// Id or name of the application
    id: String,
    /// Number of the version
    version: VersionNumber,
    /// File or folder to write to; `-` writes to standard output [default: the file name that AMS
    /// proposes, in the current folder]
    path: Option<PathBuf>,
}

pub(crate) async fn export(session: &Session, arguments: &ExportArgs) -> anyhow::Result<()> {
    let client = session.client()?;
    let export = client.export(&arguments.id, arguments.version.0).await?;
    let to = arguments.destination(&export);
    let progress = session.printer.progress("exporting", export.size());
    let written = to.receive(export, |bytes| progress.advance_to(bytes)).await;
    progress.finish();
    let size = Bytes(written?.size);
    session
        .printer
        .note(format_args!("exported to {to} ({size})"));
    Ok(())
}

impl ExportArgs {
    fn destination(&self, export: &Export) -> ExportDestination {
        let name = match export.file_name() {
            Some(name) => name.to_owned(),
            None => format!("{}_{}.tar.zst", self.id, self.version),
        };
        ExportDestination::new(self.path.as_deref(), &name)
    }
}

#[derive(Debug, PartialEq, Eq)]
enum ExportDestination {
    Stdout,
    Path(PathBuf),
}

impl ExportDestination {
    fn new(path: Option<&Path>, name: &str) -> Self {
        match path {
            None => Self::Path(PathBuf::from(name)),
            Some(path) if STDOUT.iter().any(|it| path.as_os_str() == *it) => Self::Stdout,
            Some(folder) if folder.is_dir() => Self::Path(folder.join(name)),
            Some(file) => Self::Path(file.to_owned()),
        }
    }

    async fn receive(&self, export: Export, received: impl Fn(u64)) -> anyhow::Result<Exported> {
        match self {
            Self::Path(path) => Ok(export.write(path, received).await?),
            Self::Stdout => match export.stream(std::io::stdout(), received).await {
                Err(ams_api::Error::File(error)) => Err(error.into()),
                other => Ok(other?),
            },
        }
    }
}

impl fmt::Display for ExportDestination {
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
    fn export_to_a_folder_uses_the_proposed_name() {
        let path = |path: &Path| ExportDestination::Path(path.to_owned());
        let folder = tempfile::tempdir().unwrap();
        let inside = ExportDestination::new(Some(folder.path()), "app_0.tar.zst");
        assert_eq!(inside, path(&folder.path().join("app_0.tar.zst")));
        let file = folder.path().join("other");
        assert_eq!(
            ExportDestination::new(Some(&file), "app_0.tar.zst"),
            path(&file)
        );
        assert_eq!(ExportDestination::new(None, "a"), path(Path::new("a")));
    }

    #[test]
    fn standard_output_is_recognised_by_its_usual_names() {
        for name in STDOUT {
            let to = ExportDestination::new(Some(Path::new(name)), "a");
            assert_eq!(to, ExportDestination::Stdout, "{name}");
        }
        let file = ExportDestination::new(Some(Path::new("./-")), "a");
        assert_eq!(file, ExportDestination::Path("./-".into()));
    }
}
