use aar_cli::{DocumentFormat, Exit, Failure};
use aar_daemon::lock::{Lock, LockError};
use aar_registry::{Error, Losses, Registry};
use clap::Args;

use crate::cli::context::{Context, user};

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  aar storage rebuild
  aar storage rebuild --accept-losses")]
pub(in crate::cli) struct RebuildArguments {
    /// Rebuild without the versions that cannot be restored: every AMS that pulls removes them, too
    #[arg(long)]
    accept_losses: bool,
}

pub(super) async fn run(
    context: &Context<'_>,
    arguments: &RebuildArguments,
) -> anyhow::Result<Exit> {
    context.require_access()?;
    let options = context.config()?.registry(context.clock.clone())?;
    // Checked before the base folder and its lock are created.
    Registry::check_rebuild(&options).await?;
    aar_fs::create_private_folder(&context.base)?;
    let _lock = Lock::acquire(&context.base, "registry").map_err(explain_lock)?;
    let losses = if arguments.accept_losses {
        Losses::Accept
    } else {
        Losses::Refuse
    };
    let rebuilt = Registry::rebuild(options, &user(), losses).await;
    let report = rebuilt.map_err(|error| explain(context, error))?;
    warn(context, &report.lost, "lost");
    warn(context, &report.skipped, "skipped");
    context.printer.document(DocumentFormat::Yaml, &report)?;
    Ok(Exit::Done)
}

fn explain(context: &Context<'_>, error: Error) -> anyhow::Error {
    let Error::RebuildLoses { lost } = &error else {
        return error.into();
    };
    warn(context, lost, "cannot be restored");
    let hint = "restore the objects from a backup of the storage, or continue without them with \
        --accept-losses: every AMS that pulls then removes those versions, and a revoked certificate \
        whose descriptor is lost must be revoked again";
    Failure::from_error(&error).with_hint(hint).into()
}

fn warn(context: &Context<'_>, sentences: &[String], what: &str) {
    for sentence in sentences {
        context.printer.warn(format_args!("{what}: {sentence}"));
    }
}

fn explain_lock(error: LockError) -> anyhow::Error {
    match error {
        LockError::AlreadyRunning(running) => Failure::from_error(&running)
            .with_hint("stop the registry first")
            .into(),
        LockError::Io(error) => error.into(),
    }
}
