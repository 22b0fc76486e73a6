use aar_cli::Exit;
use aar_types::FingerprintPrefix;
use clap::Args;

use crate::cli::context::Context;

/// `trust remove FINGERPRINT`.
#[derive(Debug, Args)]
pub(in crate::cli) struct RemoveArguments {
    /// The fingerprint, or as much of it as no other begins with
    fingerprint: FingerprintPrefix,
}

/// Stops trusting a certificate.
pub(super) async fn run(
    context: &Context<'_>,
    arguments: &RemoveArguments,
) -> anyhow::Result<Exit> {
    let opened = context.open().await?;
    let removed = opened.operator.trust_remove(&arguments.fingerprint).await?;
    opened.close().await;
    context.announce().await;
    context
        .printer
        .note(format_args!("{} is no longer trusted", removed.fingerprint));
    Ok(Exit::Done)
}
