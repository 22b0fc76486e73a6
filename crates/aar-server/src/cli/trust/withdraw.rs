use std::time::Duration;

use aar_cli::Failure;
use aar_registry::{Error, TrustRecords, Withdrawal};
use aar_types::Fingerprint;
use tokio::time::timeout;

use crate::cli::context::Context;

/// How long the storage may take to be opened. What is then asked of it has its own limits.
const PATIENCE: Duration = Duration::from_secs(15);

/// Withdraws the trust in a certificate, from now on, and tells a registry that runs. Where the
/// storage cannot be used, it is told of it later.
pub(super) async fn withdraw(
    context: &Context<'_>,
    records: TrustRecords,
    fingerprint: Fingerprint,
    how: Withdrawal,
) -> anyhow::Result<()> {
    if let Some(why) = with_storage(context, fingerprint, how).await? {
        records.withdraw(&fingerprint, how).await?;
        context.printer.warn(format_args!(
            "the storage cannot be used, and learns later that the certificate is not trusted: \
             {why}"
        ));
        context.printer.hint(
            "the registry tells it at its next start or collection; do not rebuild the database before",
        );
    }
    records.close().await;
    context.announce().await;
    Ok(())
}

/// Withdraws it in database and storage, or tells why the storage cannot be used.
async fn with_storage(
    context: &Context<'_>,
    fingerprint: Fingerprint,
    how: Withdrawal,
) -> anyhow::Result<Option<String>> {
    let opened = match timeout(PATIENCE, context.open()).await {
        Ok(Ok(opened)) => opened,
        Ok(Err(error)) => return of_storage(error).map(Some),
        Err(_) => {
            let seconds = PATIENCE.as_secs();
            return Ok(Some(format!("it does not answer within {seconds} seconds")));
        }
    };
    let prefix = fingerprint.into();
    let done = match how {
        Withdrawal::Remove => opened.operator.trust_remove(&prefix).await,
        Withdrawal::Revoke => opened.operator.trust_revoke(&prefix).await,
    };
    opened.close().await;
    match done {
        Ok(_) => Ok(None),
        Err(error) => of_storage(error.into()).map(Some),
    }
}

/// What is wrong with the storage, where it is the storage.
fn of_storage(error: anyhow::Error) -> anyhow::Result<String> {
    match error.downcast_ref::<Error>() {
        Some(found) if found.is_of_storage() => Ok(Failure::from_error(found).to_string()),
        _ => Err(error),
    }
}
