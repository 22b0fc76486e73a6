use aar_cli::{DocumentFormat, Exit, Failure};
use aar_daemon::lock::{Lock, LockError};
use aar_registry::Registry;

use crate::cli::context::{Context, user};

/// Fills an empty database from the storage, and prints what came back.
pub(super) async fn run(context: &Context<'_>) -> anyhow::Result<Exit> {
    context.require_access()?;
    let options = context.config()?.registry(context.clock.clone());
    // Before there is a folder with a lock in it.
    Registry::check_rebuild(&options).await?;
    aar_daemon::base_dir::private_dir(&context.base)?;
    let _alone = Lock::acquire(&context.base).map_err(refuse)?;
    let report = Registry::rebuild(options, &user()).await?;
    for skipped in &report.skipped {
        context.printer.warn(format_args!("skipped: {skipped}"));
    }
    context.printer.document(DocumentFormat::Yaml, &report)?;
    Ok(Exit::Done)
}

fn refuse(error: LockError) -> anyhow::Error {
    match error {
        LockError::AlreadyRunning(running) => Failure::from_error(&running)
            .with_hint("stop the registry first")
            .into(),
        LockError::Io(error) => error.into(),
    }
}
