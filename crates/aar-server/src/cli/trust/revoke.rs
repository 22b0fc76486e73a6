use aar_cli::Exit;
use aar_registry::Withdrawal;
use aar_types::{FingerprintPrefix, TrustState};
use clap::Args;

use super::withdraw::withdraw;
use crate::cli::context::Context;

/// `trust revoke FINGERPRINT [-y]`.
#[derive(Debug, Args)]
pub(in crate::cli) struct RevokeArguments {
    /// The fingerprint, or as much of it as no other begins with
    fingerprint: FingerprintPrefix,
    /// Do not ask
    #[arg(short, long)]
    yes: bool,
}

/// Revokes a certificate, after a question.
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
            .note(format_args!("{fingerprint} is revoked already"));
        return Ok(Exit::Done);
    }
    let question = format!(
        "Revoke {fingerprint} ({})? It can never be trusted again.",
        known.subject
    );
    if !context.agreed(&question, arguments.yes)? {
        return Ok(Exit::Failed);
    }
    withdraw(context, records, fingerprint, Withdrawal::Revoke).await?;
    context
        .printer
        .note(format_args!("{fingerprint} is revoked"));
    Ok(Exit::Done)
}
