use std::time::Duration;

use aar_cli::Progress;
use aar_types::parse_duration;
use ams_api::{AmsClient, Operation, Watch};
use clap::Args;

use crate::session::Session;

/// How long a command waits for the operation that it started.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct TimeoutArgs {
    /// Longest time to wait, such as 90s or 1h30m
    #[arg(short, long, value_name = "TIME", default_value = "5m", value_parser = parse_duration)]
    timeout: Duration,
}

impl TimeoutArgs {
    pub(crate) fn limit(self) -> Duration {
        self.timeout
    }
}

/// Sends a request and waits for its operation. The client subscribes to events before it sends the
/// request, so that it misses none.
pub(crate) async fn complete<F>(
    client: &AmsClient,
    limit: Option<Duration>,
    request: F,
) -> anyhow::Result<()>
where
    F: Future<Output = Result<Option<Operation>, ams_api::Error>>,
{
    let watch = client.watch().await;
    if let Some(operation) = request.await? {
        watch.wait(operation, limit, |_| {}).await?;
    }
    Ok(())
}

/// Prints what AMS warns of.
pub(crate) fn print_warnings(session: &Session, operation: &Operation) {
    for warning in operation.warnings() {
        session.printer.warn(warning);
    }
}

/// Waits for an operation and shows its description as it changes.
pub(crate) async fn follow(
    watch: Watch,
    operation: Operation,
    limit: Duration,
    progress: &Progress,
) -> Result<Operation, ams_api::Error> {
    watch
        .wait(operation, Some(limit), |operation| {
            if !operation.description.is_empty() {
                progress.spin(&operation.description);
            }
        })
        .await
}
