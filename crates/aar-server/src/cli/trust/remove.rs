use aar_cli::Exit;
use aar_registry::Withdrawal;
use aar_types::FingerprintPrefix;
use clap::Args;

use super::withdraw::withdraw;
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
    let records = context.trust_records().await?;
    let fingerprint = records.find(&arguments.fingerprint).await?.fingerprint;
    withdraw(context, records, fingerprint, Withdrawal::Remove).await?;
    context
        .printer
        .note(format_args!("{fingerprint} is no longer trusted"));
    Ok(Exit::Done)
}
