//! Keeping the agent told: of the configuration, of the trust store, of local changes.

use std::{future::Future, pin::pin, time::Duration};

use aar_sync::{Agent, RegistryConfig};
use aar_types::ApplicationName;
use tokio_util::task::AbortOnDropHandle;

use super::connect::Connector;
use crate::{applications::Applications, operations::OperationContext};

/// How often the progress of a transfer is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// Starts the agent, and from then on tells it of every change. What changes while it starts is
/// not missed: listening comes first.
pub(super) fn start(
    connector: &Connector,
    applications: &Applications,
    spawn: impl FnOnce(RegistryConfig) -> Agent,
) -> (AbortOnDropHandle<()>, Agent) {
    let mut config = connector.config.changes();
    let mut trust = connector.trust.changes();
    let mut local = applications.changes();
    let connector = connector.clone();
    let mut basis = connector.basis();
    let agent = spawn(connector.configuration());
    let told = agent.clone();
    let follower = tokio::spawn(async move {
        loop {
            tokio::select! {
                Ok(()) = local.changed() => {
                    agent.local_changed();
                    continue;
                }
                Ok(()) = config.changed() => {}
                Ok(()) = trust.changed() => {}
                else => return,
            }
            // Most items have nothing to do with the registry; a running round goes on then.
            let now = connector.basis();
            if now != basis {
                agent.reconfigure(connector.configuration());
                basis = now;
            }
        }
    });
    (AbortOnDropHandle::new(follower), told)
}

/// Waits for a round and meanwhile shows the transfer of an application as progress.
pub(super) async fn with_progress<T>(
    agent: &Agent,
    context: &OperationContext,
    name: &ApplicationName,
    round: impl Future<Output = T>,
) -> T {
    let mut round = pin!(round);
    let mut look = tokio::time::interval(LOOK_EVERY);
    loop {
        tokio::select! {
            done = &mut round => return done,
            _ = look.tick() => {
                let transfers = agent.status().transfers;
                if let Some(it) = transfers.iter().find(|transfer| transfer.name == *name) {
                    context.progress(it.bytes, it.total);
                }
            }
        }
    }
}
