use aar_cli::{DocumentFormat, Exit, Failure};
use aar_daemon::lock::{Lock, LockError};
use aar_registry::{Error, Losses, Registry};
use clap::Args;

use crate::cli::context::{Context, user};

/// `storage rebuild [--accept-losses]`.
#[derive(Debug, Args)]
pub(in crate::cli) struct RebuildArguments {
    /// Go on without what cannot be brought back: every AMS that pulls removes it, too
    #[arg(long)]
    accept_losses: bool,
}

/// Fills an empty database from the storage, and prints what came back.
pub(super) async fn run(
    context: &Context<'_>,
    arguments: &RebuildArguments,
) -> anyhow::Result<Exit> {
    context.require_access()?;
    let options = context.config()?.registry(context.clock.clone());
    // Before there is a folder with a lock in it.
    Registry::check_rebuild(&options).await?;
    aar_daemon::base_dir::private_dir(&context.base)?;
    let _alone = Lock::acquire(&context.base).map_err(refuse)?;
    let losses = if arguments.accept_losses {
        Losses::Accept
    } else {
        Losses::Refuse
    };
    let rebuilt = Registry::rebuild(options, &user(), losses).await;
    let report = rebuilt.map_err(|error| explain(context, error))?;
    tell(context, &report.lost, "lost");
    tell(context, &report.skipped, "skipped");
    context.printer.document(DocumentFormat::Yaml, &report)?;
    Ok(Exit::Done)
}

fn explain(context: &Context<'_>, error: Error) -> anyhow::Error {
    let Error::RebuildLoses { lost } = &error else {
        return error.into();
    };
    tell(context, lost, "cannot be brought back");
    let hint = "bring the objects back from a copy of the storage, or go on without them with \
        --accept-losses: every AMS that pulls then removes those versions, and a certificate that \
        was revoked and cannot be read has to be revoked again";
    Failure::from_error(&error).with_hint(hint).into()
}

fn tell(context: &Context<'_>, sentences: &[String], what: &str) {
    for sentence in sentences {
        context.printer.warn(format_args!("{what}: {sentence}"));
    }
}

fn refuse(error: LockError) -> anyhow::Error {
    match error {
        LockError::AlreadyRunning(running) => Failure::from_error(&running)
            .with_hint("stop the registry first")
            .into(),
        LockError::Io(error) => error.into(),
    }
}
