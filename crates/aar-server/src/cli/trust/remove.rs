use aar_cli::Exit;
use aar_registry::Withdrawal;
use aar_types::FingerprintPrefix;
use clap::Args;

use super::withdraw::withdraw;
use crate::cli::context::Context;

#[derive(Debug, Args)]
pub(in crate::cli) struct RemoveArguments {
    /// The fingerprint, or an unambiguous beginning of it
    fingerprint: FingerprintPrefix,
}

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
