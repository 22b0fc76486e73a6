use std::path::PathBuf;

use ams_api::{AmsClient, ApplicationPatch};
use clap::Args;

use super::package::{PackageSource, PackageUpload};
use crate::{
    operation::{self, TimeoutArgs},
    session::Session,
};

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  amc application update candy ./candy   # a new version from a package
  amc application update candy           # check the dependencies of the application again")]
pub(crate) struct UpdateArgs {
    /// Id or name of the application
    id: String,
    /// Package of the new version; without it, AMS checks the dependencies of the application again
    path: Option<PathBuf>,
    /// Refuse a package that has warnings, such as unknown keys in its manifest
    #[arg(long)]
    strict: bool,
    #[command(flatten)]
    timeout: TimeoutArgs,
}

pub(crate) async fn update(session: &Session, arguments: UpdateArgs) -> anyhow::Result<()> {
    let client = session.client()?;
    let (id, timeout) = (&arguments.id, arguments.timeout);
    if let Some(path) = arguments.path {
        let source = PackageSource::new(path, None)?;
        let upload = PackageUpload::prepare(session, &client, source, arguments.strict).await?;
        return upload_version(session, &client, id, upload, timeout).await;
    }
    let no_change = ApplicationPatch::default();
    let request = client.update_application(id, &no_change);
    operation::complete(&client, Some(timeout.limit()), request).await
}

async fn upload_version(
    session: &Session,
    client: &AmsClient,
    id: &str,
    upload: PackageUpload,
    timeout: TimeoutArgs,
) -> anyhow::Result<()> {
    let watch = client.watch().await;
    let updated = client.update_package(id, &upload.package, upload.progress_callback());
    let operation = updated.await.map_err(|error| upload.add_path(error))?;
    let done = operation::follow(watch, operation, timeout.limit(), &upload.progress).await;
    let done = done.map_err(|error| upload.add_path(error))?;
    upload.progress.finish();
    operation::print_warnings(session, &done);
    Ok(())
}
