//! Runs a service as its unit describes on a machine without systemd: with the same command, user,
//! environment, umask and capabilities, and with the readiness protocol of systemd.

use std::{
    fs,
    os::unix::{fs::PermissionsExt, net::UnixDatagram},
    path::Path,
    process::{Child, Command},
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

const READY_DEADLINE: Duration = Duration::from_mins(1);

/// A running service, killed when dropped.
pub(super) struct Service {
    process: Child,
    notify_socket: UnixDatagram,
    _folder: TempDir,
}

impl Service {
    /// Starts the service of a unit file and waits until it reports that it is ready.
    pub(super) fn start(unit: &Path) -> Result<Self> {
        let unit = Unit::read(unit)?;
        let folder = tempfile::tempdir()?;
        // The user of the service writes to the socket.
        let any_user = fs::Permissions::from_mode(0o777);
        fs::set_permissions(folder.path(), any_user.clone())?;
        let path = folder.path().join("notify");
        let notify_socket = UnixDatagram::bind(&path)?;
        fs::set_permissions(&path, any_user)?;
        notify_socket.set_read_timeout(Some(READY_DEADLINE))?;
        let process = unit.command()?.env("NOTIFY_SOCKET", &path).spawn()?;
        let service = Self {
            process,
            notify_socket,
            _folder: folder,
        };
        service.wait_until_ready()?;
        Ok(service)
    }

    fn wait_until_ready(&self) -> Result<()> {
        let mut message = [0; 4096];
        loop {
            let received = self.notify_socket.recv(&mut message);
            let length = received.context("the service did not report that it is ready")?;
            if message[..length].starts_with(b"READY=1") {
                return Ok(());
            }
        }
    }

    /// Stops it with SIGTERM, as systemd does.
    pub(super) fn stop(mut self) -> Result<()> {
        kill_process(Pid::from_child(&self.process), Signal::TERM)?;
        let status = self.process.wait()?;
        ensure!(status.success(), "the service failed to stop: {status}");
        Ok(())
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // After `stop` the process no longer exists, and both calls fail.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The settings of a unit file.
struct Unit(Vec<(String, String)>);

impl Unit {
    fn read(path: &Path) -> Result<Self> {
        let text = fs::read_to_string(path).with_context(|| path.display().to_string())?;
        let settings = text.lines().filter_map(|line| line.split_once('='));
        let owned = settings.map(|(key, value)| (key.to_owned(), value.to_owned()));
        Ok(Self(owned.collect()))
    }

    fn values(&self, key: &str) -> impl Iterator<Item = &str> {
        let settings = self.0.iter().filter(move |(name, _)| name == key);
        settings.map(|(_, value)| value.as_str())
    }

    fn value(&self, key: &str) -> Result<&str> {
        let first = self.values(key).next();
        first.with_context(|| format!("the unit has no {key}"))
    }

    fn command(&self) -> Result<Command> {
        let mut command = Command::new("sh");
        command.args(["-c", "umask \"$1\"; shift; exec \"$@\"", "sh"]);
        command.args([self.value("UMask")?, "setpriv"]);
        command.arg(format!("--reuid={}", self.value("User")?));
        command.arg(format!("--regid={}", self.value("Group")?));
        command.args(["--init-groups", "--inh-caps=-all", "--bounding-set=-all"]);
        command.args(["--no-new-privs", "--"]);
        command.args(self.value("ExecStart")?.split_whitespace());
        command.env_clear().env("PATH", "/usr/bin:/usr/sbin");
        let environment = self.values("Environment");
        command.envs(environment.filter_map(|setting| setting.split_once('=')));
        command.current_dir("/");
        Ok(command)
    }
}
