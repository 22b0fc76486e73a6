use aar_cli::Exit;
use aar_registry::Withdrawal;
use aar_types::{FingerprintPrefix, TrustState};
use clap::Args;

use super::withdraw::withdraw;
use crate::cli::context::Context;

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  aar trust revoke 1f0c8a
  aar trust revoke 1f0c8a --yes")]
pub(in crate::cli) struct RevokeArguments {
    /// The fingerprint, or an unambiguous beginning of it
    fingerprint: FingerprintPrefix,
    /// Do not ask for confirmation
    #[arg(short, long)]
    yes: bool,
}

pub(super) async fn run(
    context: &Context<'_>,
    arguments: &RevokeArguments,
) -> anyhow::Result<Exit> {
    let records = context.trust_records().await?;
    let known = records.find(&arguments.fingerprint).await?;
    let fingerprint = known.fingerprint;
    if known.state == TrustState::Revoked {
        records.close().await;
        context
            .printer
            .note(format_args!("{fingerprint} is already revoked"));
        return Ok(Exit::Done);
    }
    let question = format!(
        "Revoke {fingerprint} ({})? It can never be trusted again.",
        known.subject
    );
    context.require_confirmation(&question, arguments.yes)?;
    withdraw(context, records, fingerprint, Withdrawal::Revoke).await?;
    context
        .printer
        .note(format_args!("{fingerprint} is revoked"));
    Ok(Exit::Done)
}
