use std::path::PathBuf;

use aar_cli::{Failure, Progress};
use ams_api::Package;
use anyhow::Context;
use fs_err as fs;

use crate::{folder, location, session::Session};

/// A package that is ready to be sent, with the bar that shows how far it is.
pub(crate) struct Source {
    pub(crate) package: Package,
    pub(crate) progress: Progress,
}

impl Source {
    /// Gets a package ready: a folder is packed, an archive is taken as it is.
    pub(crate) async fn prepare(session: &Session, path: PathBuf) -> anyhow::Result<Self> {
        let progress = session.printer.progress("packing", None);
        let bar = progress.clone();
        let package = tokio::task::spawn_blocking(move || read(&path, &bar)).await??;
        progress.finish();
        let progress = session
            .printer
            .progress("uploading", Some(package.length()));
        Ok(Self { package, progress })
    }

    /// What hears how many bytes have been sent.
    pub(crate) fn sent(&self) -> impl Fn(u64) + Send + 'static {
        let progress = self.progress.clone();
        move |bytes| progress.advance_to(bytes)
    }
}

fn read(path: &PathBuf, progress: &Progress) -> anyhow::Result<Package> {
    let named = fs::File::open(path)?;
    let file = if named.metadata()?.is_dir() {
        folder::check(path)?;
        folder::pack(path, &location::scratch_dir()?, progress)?
    } else {
        named.into_parts().0
    };
    progress.set_label("reading");
    let package = Package::read(file, &|bytes| progress.advance_to(bytes))
        .with_context(|| format!("cannot read {}", path.display()))?;
    if package.length() == 0 {
        let failure = Failure::new(format!("{} is empty", path.display()));
        return Err(failure
            .with_hint("a package is a folder, a .zip or a .tar.bz2 with a manifest.yaml")
            .into());
    }
    Ok(package)
}
