use std::time::Duration;

use aar_cli::Failure;
use aar_registry::{TrustRecords, Withdrawal};
use aar_types::Fingerprint;
use tokio::time::timeout;

use crate::cli::context::Context;

/// How long the storage may take to learn of it.
const PATIENCE: Duration = Duration::from_secs(15);

/// Withdraws the trust in a certificate, from now on, and tells a registry that runs. The storage is
/// told after that, as far as it can be reached.
pub(super) async fn withdraw(
    context: &Context<'_>,
    records: TrustRecords,
    fingerprint: Fingerprint,
    how: Withdrawal,
) -> anyhow::Result<()> {
    records.withdraw(&fingerprint, how).await?;
    records.close().await;
    context.notify_service().await;
    if let Err(why) = tell_storage(context).await {
        context.printer.warn(format_args!(
            "the storage cannot be used, and learns later that the certificate is not trusted: \
             {why}"
        ));
        context.printer.hint(
            "the registry tells it at its next start or collection; do not rebuild the database before",
        );
    }
    Ok(())
}

async fn tell_storage(context: &Context<'_>) -> Result<(), Failure> {
    let told = async {
        let opened = context.open().await?;
        let settled = opened.operator.settle_trust().await;
        opened.close().await;
        settled.map(drop).map_err(anyhow::Error::from)
    };
    match timeout(PATIENCE, told).await {
        Ok(told) => told.map_err(|error| Failure::from_error(error.as_ref())),
        Err(_) => Err(Failure::new(format!(
            "it does not answer within {} seconds",
            PATIENCE.as_secs()
        ))),
    }
}
