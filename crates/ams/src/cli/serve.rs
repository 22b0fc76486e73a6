//! `ams serve`: starts the service, runs it, and stops it.
//!
//! Settings, the lock of the base folder, keys, database and addresses are checked before the
//! service manager is notified that AMS is ready.

use std::{fs::Permissions, os::unix::fs::PermissionsExt, path::Path, time::Duration};

use aar_cli::Failure;
use aar_daemon::{
    BaseDir, Shutdown, allow_open_files, logging, notify_ready, notify_stopping, serve::bind_unix,
};
use aar_tls::{Limits, TlsListener, host_names};
use aar_types::Clock;
use ams::{
    Ams, Settings,
    http::{MetricsListener, Server},
    identity::load_or_create,
};
use anyhow::Context;
use tokio::net::UnixListener;

/// How long requests in flight may take when the service stops.
const DRAIN_LIMIT: Duration = Duration::from_secs(30);
const SERVER: &str = "server";

pub(super) fn run(base: &BaseDir) -> Result<(), Failure> {
    serve(base).map_err(|error| Failure::from_error(error.as_ref()))
}

fn serve(base: &BaseDir) -> anyhow::Result<()> {
    let settings = super::settings(base)?;
    logging::init(&settings.logger);
    for warning in settings.warnings() {
        tracing::warn!("{warning}");
    }
    allow_open_files();
    let runtime = tokio::runtime::Runtime::new().context("cannot start the async runtime")?;
    runtime.block_on(serve_settings(base, settings))
}

async fn serve_settings(base: &BaseDir, settings: Settings) -> anyhow::Result<()> {
    let shutdown = Shutdown::install()?;
    let clock = Clock::system();
    let folder = base.join(SERVER);
    let address = settings.listen_address;
    let hosts = host_names(Some(address.ip()));
    let identity = load_or_create(&folder, SERVER, "ams".to_owned(), hosts, &clock)?;
    let limits = Limits {
        allow_tls12: settings.backend.force_tls12,
        ..Limits::default()
    };
    let metrics = MetricsListener::bind(&settings.metrics.prometheus).await?;
    let ams = Ams::open(base.path(), settings, clock).await?;
    let https = TlsListener::bind(address, &identity, limits).await?;
    let unix = bind_local_socket(base.path(), &folder, &ams.settings().allowed_uids)?;
    tracing::info!(address = %https.local_addr(), "ready");
    notify_ready();
    let server = Server {
        ams: ams.clone(),
        https,
        unix,
        metrics,
    };
    let end = server.run(shutdown.token(), DRAIN_LIMIT).await;
    notify_stopping();
    ams.close().await;
    tracing::info!("stopped");
    Ok(end?)
}

/// Users in the group of the service may connect; the server then checks their user id. With
/// `allowed-uids` every user may connect and is checked; other files in the folders stay private.
fn bind_local_socket(
    base: &Path,
    folder: &Path,
    allowed_uids: &[u32],
) -> std::io::Result<UnixListener> {
    let socket = folder.join("unix.socket");
    if allowed_uids.is_empty() {
        return bind_unix(&socket, 0o660);
    }
    for parent in [base, folder] {
        let mode = fs_err::metadata(parent)?.permissions().mode();
        fs_err::set_permissions(parent, Permissions::from_mode(mode | 0o011))?;
    }
    bind_unix(&socket, 0o666)
}
