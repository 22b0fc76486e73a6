use std::time::Duration;

use aar_cli::Failure;
use aar_registry::{TrustRecords, Withdrawal};
use aar_types::Fingerprint;
use tokio::time::timeout;

use crate::cli::context::Context;

/// The time limit of storage.
const DELIVERY_TIMEOUT: Duration = Duration::from_secs(15);

/// Withdraws the trust in a certificate at once, and notifies a running registry. Storage is updated as soon
/// as it can be reached.
pub(super) async fn withdraw(
    context: &Context<'_>,
    records: TrustRecords,
    fingerprint: Fingerprint,
    how: Withdrawal,
) -> anyhow::Result<()> {
    records.withdraw(&fingerprint, how).await?;
    records.close().await;
    context.notify_service().await;
    if let Err(why) = deliver(context).await {
        context.printer.warn(format_args!(
            "the storage cannot be used, and still has the certificate as trusted: {why}"
        ));
        context.printer.hint(
            "the registry updates the storage as soon as it can; do not rebuild the database before",
        );
    }
    Ok(())
}

async fn deliver(context: &Context<'_>) -> Result<(), Failure> {
    let delivered = async {
        let opened = context.open().await?;
        let delivered = opened.operator.deliver_trust().await;
        opened.close().await;
        delivered.map_err(anyhow::Error::from)
    };
    match timeout(DELIVERY_TIMEOUT, delivered).await {
        Ok(delivered) => delivered.map_err(|error| Failure::from_error(error.as_ref())),
        Err(_) => Err(Failure::new(format!(
            "it does not answer within {} seconds",
            DELIVERY_TIMEOUT.as_secs()
        ))),
    }
}
