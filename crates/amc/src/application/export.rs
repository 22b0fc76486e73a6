use std::path::{Path, PathBuf};

use aar_cli::Bytes;
use aar_types::VersionNumber;
use ams_api::Export;
use clap::Args;

use crate::session::Session;

#[derive(Debug, Args)]
pub(crate) struct ExportArgs {
    /// Id or name of the application
    id: String,
    /// Number of the version
    version: VersionNumber,
    /// File or folder to write to [default: the name that AMS proposes, in this folder]
    path: Option<PathBuf>,
}

pub(crate) async fn export(session: &Session, arguments: &ExportArgs) -> anyhow::Result<()> {
    let client = session.client()?;
    let export = client.export(&arguments.id, arguments.version.0).await?;
    let to = arguments.destination(&export);
    let progress = session.printer.progress("exporting", export.size());
    let written = export.write(&to, |bytes| progress.advance_to(bytes)).await;
    progress.finish();
    session.printer.note(format_args!(
        "exported to {} ({})",
        to.display(),
        Bytes(written?.size)
    ));
    Ok(())
}

impl ExportArgs {
    fn destination(&self, export: &Export) -> PathBuf {
        let name = match export.file_name() {
            Some(name) => name.to_owned(),
            None => format!("{}_{}.tar.zst", self.id, self.version),
        };
        destination(self.path.as_deref(), &name)
    }
}

fn destination(path: Option<&Path>, name: &str) -> PathBuf {
    match path {
        None => PathBuf::from(name),
        Some(folder) if folder.is_dir() => folder.join(name),
        Some(file) => file.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_gets_a_file_with_the_proposed_name() {
        let folder = tempfile::tempdir().unwrap();
        let inside = destination(Some(folder.path()), "app_0.tar.zst");
        assert_eq!(inside, folder.path().join("app_0.tar.zst"));
        let file = folder.path().join("other");
        assert_eq!(destination(Some(&file), "app_0.tar.zst"), file);
        assert_eq!(destination(None, "a"), PathBuf::from("a"));
    }
}
