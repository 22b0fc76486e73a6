use std::path::PathBuf;

use aar_types::ApplicationName;
use ams_api::Operation;
use clap::Args;

use super::package::{PackageSource, PackageUpload};
use crate::{
    operation::{self, TimeoutArgs},
    session::Session,
};

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  amc application create ./candy        # a folder with manifest.yaml and app.apk
  amc application create candy.zip --vm
  amc application create candy.apk --name candy   # a package of nothing but an APK
  amc application create candy.tar.bz2 --timeout 30m")]
pub(crate) struct CreateArgs {
    /// Package: a folder, .zip or .tar.bz2 that contains a manifest.yaml
    path: PathBuf,
    /// Name of the application, if the path is an APK without a package
    #[arg(long)]
    name: Option<ApplicationName>,
    /// Refuse a package that has warnings, such as unknown keys in its manifest
    #[arg(long)]
    strict: bool,
    /// Run the application in virtual machines instead of containers
    #[arg(long)]
    vm: bool,
    #[command(flatten)]
    timeout: TimeoutArgs,
}

/// Prints the id of the new application.
pub(crate) async fn create(session: &Session, arguments: CreateArgs) -> anyhow::Result<()> {
    let client = session.client()?;
    let source = PackageSource::new(arguments.path, arguments.name)?;
    let upload = PackageUpload::prepare(session, &client, source, arguments.strict).await?;
    let watch = client.watch().await;
    let created =
        client.create_application(&upload.package, arguments.vm, upload.progress_callback());
    let operation = created.await.map_err(|error| upload.add_path(error))?;
    let limit = arguments.timeout.limit();
    let operation = operation::follow(watch, operation, limit, &upload.progress).await;
    let operation = operation.map_err(|error| upload.add_path(error))?;
    upload.progress.finish();
    operation::print_warnings(session, &operation);
    if let Some(id) = application_id(&operation) {
        session.printer.data(&format!("{id}\n"))?;
    }
    Ok(())
}

fn application_id(operation: &Operation) -> Option<&str> {
    operation.resource_names("applications").next()
}
