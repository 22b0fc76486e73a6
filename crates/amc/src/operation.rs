use std::time::Duration;

use aar_cli::Progress;
use aar_types::parse_duration;
use ams_api::{AmsClient, Operation, Watch};
use clap::Args;

/// How long a command waits for what it has begun.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct TimeoutArgs {
    /// The longest time to wait until it is done
    #[arg(short, long, value_name = "TIME", default_value = "5m", value_parser = parse_duration)]
    timeout: Duration,
}

impl TimeoutArgs {
    pub(crate) fn limit(self) -> Duration {
        self.timeout
    }
}

/// Asks for something and waits until it is done. `ask` is called once AMS is listened to, so that
/// nothing is missed.
pub(crate) async fn complete<F>(
    client: &AmsClient,
    limit: Option<Duration>,
    ask: F,
) -> anyhow::Result<()>
where
    F: Future<Output = Result<Option<Operation>, ams_api::Error>>,
{
    let watch = client.watch().await;
    if let Some(operation) = ask.await? {
        watch.finish(operation, limit, |_| {}).await?;
    }
    Ok(())
}

/// Waits for an operation that works on a package, and says meanwhile what AMS does.
pub(crate) async fn follow(
    watch: Watch,
    operation: Operation,
    limit: Duration,
    progress: &Progress,
) -> Result<Operation, ams_api::Error> {
    watch
        .finish(operation, Some(limit), |operation| {
            if !operation.description.is_empty() {
                progress.working(&operation.description);
            }
        })
        .await
}
