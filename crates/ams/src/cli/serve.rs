//! `ams serve`: starts the service, runs it, and stops it.
//!
//! Settings, the lock of the base folder, keys, database and addresses are checked before the
//! service manager is notified that AMS is ready.

use std::{fs::Permissions, os::unix::fs::PermissionsExt, path::Path, time::Duration};

use aar_cli::Failure;
use aar_daemon::{
    BaseDir, Shutdown, allow_open_files, connection_limits, forbid_core_dumps, logging,
    notify_ready, notify_stopping, serve::bind_unix,
};
use aar_tls::{Limits, TlsListener, host_names};
use aar_types::Clock;
use ams::{
    Ams, Settings,
    http::{MetricsListener, Server},
    identity::load_or_create,
    socket_group::SocketGroup,
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
    forbid_core_dumps();
    let runtime = tokio::runtime::Runtime::new().context("cannot start the async runtime")?;
    runtime.block_on(async {
        let shutdown = Shutdown::install()?;
        let settings = super::settings(base)?;
        logging::init(&settings.logger);
        for warning in settings.warnings() {
            tracing::warn!("{warning}");
        }
        allow_open_files();
        serve_settings(base, settings, shutdown).await
    })
}

async fn serve_settings(
    base: &BaseDir,
    settings: Settings,
    shutdown: Shutdown,
) -> anyhow::Result<()> {
    let clock = Clock::system();
    let folder = base.join(SERVER);
    let address = settings.listen_address;
    let hosts = host_names(Some(address.ip()));
    let name = server_certificate(&folder)?;
    let identity = load_or_create(&folder, name, "ams".to_owned(), hosts, &clock)?;
    let limits = Limits {
        allow_tls12: settings.backend.force_tls12,
        ..connection_limits()
    };
    let metrics = MetricsListener::bind(&settings.metrics.prometheus).await?;
    let ams = Ams::open(base.path(), settings, clock).await?;
    let https = TlsListener::bind(address, &identity, limits).await?;
    let unix = bind_local_socket(base.path(), &folder, ams.settings())?;
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

/// The name of the certificate files. The vendor's AMS calls them `ams.crt` and `ams.key`; they are used until
/// there is a `server.crt`, so that clients that pin the certificate notice nothing.
fn server_certificate(folder: &Path) -> std::io::Result<&'static str> {
    let exists = |name: &str| folder.join(name).try_exists();
    let is_taken_over = exists("ams.crt")? && !exists("server.crt")?;
    Ok(if is_taken_over { "ams" } else { SERVER })
}

/// Users in the group of the service may connect; the server then checks their user id. With
/// `allowed-uids` every user may connect and is checked; other files in the folders stay private.
fn bind_local_socket(
    base: &Path,
    folder: &Path,
    settings: &Settings,
) -> std::io::Result<UnixListener> {
    let socket = folder.join("unix.socket");
    let listener = bind_unix(&socket, 0o660)?;
    let group = SocketGroup::or_default(settings.socket_group.as_ref());
    let has_group = group.map_or(Ok(false), |group| group.take(&socket))?;
    let has_users = !settings.allowed_uids.is_empty();
    if has_group || has_users {
        let_traverse(&[base, folder])?;
    }
    if has_users {
        fs_err::set_permissions(&socket, Permissions::from_mode(0o666))?;
    }
    Ok(listener)
}

/// Lets other users reach the socket, but not list the folders above it.
fn let_traverse(folders: &[&Path]) -> std::io::Result<()> {
    for folder in folders {
        let mode = fs_err::metadata(folder)?.permissions().mode();
        fs_err::set_permissions(folder, Permissions::from_mode(mode | 0o011))?;
    }
    Ok(())
}
