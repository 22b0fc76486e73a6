use aar_cli::Exit;
use aar_types::{FingerprintPrefix, TrustState};
use clap::Args;

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
    let opened = context.open().await?;
    let known = opened.operator.trust_find(&arguments.fingerprint).await?;
    let fingerprint = known.fingerprint;
    if known.state == TrustState::Revoked {
        opened.close().await;
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
    opened.operator.trust_revoke(&fingerprint.into()).await?;
    opened.close().await;
    context.announce().await;
    context
        .printer
        .note(format_args!("{fingerprint} is revoked"));
    Ok(Exit::Done)
}
