use std::time::Duration;

use aar_registry::{Error, GcReport, Operator};
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use aar_types::error_chain;

/// Runs maintenance at the start and then periodically: deletes versions that were withdrawn long ago, frees
/// images without a version, expired uploads and leftover files, and writes missing descriptors.
pub(super) async fn run(operator: Operator, period: Duration, stop: CancellationToken) {
    let mut tick = interval(period);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while stop.run_until_cancelled(tick.tick()).await.is_some() {
        remove_withdrawn(&operator).await;
        match collect(&operator).await {
            Ok(report) => tell(&report),
            Err(failure) => {
                error!(
                    error = error_chain(&failure),
                    "nothing could be freed; the next attempt is made later"
                );
            }
        }
        mend(&operator).await;
    }
}

/// Delivers undelivered changes to storage, also those of other processes.
pub(super) async fn deliver(operator: Operator, stop: CancellationToken) {
    stop.run_until_cancelled(operator.keep_delivering()).await;
}

async fn remove_withdrawn(operator: &Operator) {
    match operator.remove_withdrawn().await {
        Ok(removed) if removed.is_empty() => {}
        Ok(removed) => info!(
            ?removed,
            "versions that were withdrawn long ago are deleted"
        ),
        Err(failure) => {
            error!(
                error = error_chain(&failure),
                "withdrawn versions could not be deleted; the next attempt is made later"
            );
        }
    }
}

async fn mend(operator: &Operator) {
    match operator.mend_descriptors().await {
        Ok(written) if written.is_empty() => {}
        Ok(written) => warn!(?written, "descriptors were missing and are written again"),
        Err(failure) => {
            error!(
                error = error_chain(&failure),
                "descriptors could not be looked at; the next attempt is made later"
            );
        }
    }
}

async fn collect(operator: &Operator) -> Result<GcReport, Error> {
    let plan = operator.gc_plan().await?;
    operator.gc_apply(plan).await
}

fn tell(report: &GcReport) {
    if !report.freed.is_empty() {
        info!(
            items = report.freed.len(),
            bytes = report.bytes(),
            "space was freed"
        );
    }
}
