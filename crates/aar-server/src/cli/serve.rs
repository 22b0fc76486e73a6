use aar_cli::Exit;
use aar_daemon::{Shutdown, allow_open_files, forbid_core_dumps, logging};

use super::context::Context;
use crate::service::Server;

/// Runs the registry until a signal stops it.
pub(super) async fn run(context: &Context<'_>) -> anyhow::Result<Exit> {
    forbid_core_dumps();
    let shutdown = Shutdown::install()?;
    let config = context.config()?;
    logging::init(&config.logger);
    allow_open_files();
    let server = Server::start(&context.base, config, context.clock.clone()).await?;
    server.run(shutdown.token()).await;
    Ok(Exit::Done)
}
