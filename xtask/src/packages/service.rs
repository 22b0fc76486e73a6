//! A service run as its unit says, where no systemd runs: the same command, user, environment, mask
//! and lack of rights, and readiness told in the same way.

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

const PATIENCE: Duration = Duration::from_mins(1);

/// A service that runs; killed where a test leaves it behind.
pub(super) struct Service {
    process: Child,
    /// Where it tells how it is, and the folder of that.
    notify: (UnixDatagram, TempDir),
}

impl Service {
    /// Starts what the unit describes and waits until it says that it is ready.
    pub(super) fn start(unit: &Path) -> Result<Self> {
        let unit = Unit::read(unit)?;
        // The service's user has to reach it.
        let folder = tempfile::tempdir()?;
        let everybody = fs::Permissions::from_mode(0o777);
        fs::set_permissions(folder.path(), everybody.clone())?;
        let path = folder.path().join("notify");
        let socket = UnixDatagram::bind(&path)?;
        fs::set_permissions(&path, everybody)?;
        socket.set_read_timeout(Some(PATIENCE))?;
        let child = unit.command()?.env("NOTIFY_SOCKET", &path).spawn()?;
        let service = Self {
            process: child,
            notify: (socket, folder),
        };
        service.await_readiness()?;
        Ok(service)
    }

    fn await_readiness(&self) -> Result<()> {
        let (socket, _) = &self.notify;
        let mut told = [0; 4096];
        loop {
            let length = socket.recv(&mut told).context("it never became ready")?;
            if told[..length].starts_with(b"READY=1") {
                return Ok(());
            }
        }
    }

    /// Stops it as systemd does.
    pub(super) fn stop(mut self) -> Result<()> {
        kill_process(Pid::from_child(&self.process), Signal::TERM)?;
        let status = self.process.wait()?;
        ensure!(status.success(), "the service ended badly: {status}");
        Ok(())
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // After `stop` there is nothing left to kill.
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
        Ok(Self(
            settings
                .map(|(key, value)| (key.to_owned(), value.to_owned()))
                .collect(),
        ))
    }

    fn all(&self, key: &str) -> impl Iterator<Item = &str> {
        let found = self.0.iter().filter(move |(name, _)| name == key);
        found.map(|(_, value)| value.as_str())
    }

    fn one(&self, key: &str) -> Result<&str> {
        let found = self.all(key).next();
        found.with_context(|| format!("the unit has no {key}"))
    }

    fn command(&self) -> Result<Command> {
        let mut command = Command::new("sh");
        command.args(["-c", "umask \"$1\"; shift; exec \"$@\"", "sh"]);
        command.args([self.one("UMask")?, "setpriv"]);
        command.arg(format!("--reuid={}", self.one("User")?));
        command.arg(format!("--regid={}", self.one("Group")?));
        command.args(["--init-groups", "--inh-caps=-all", "--bounding-set=-all"]);
        command.args(["--no-new-privs", "--"]);
        command.args(self.one("ExecStart")?.split_whitespace());
        command.env_clear().env("PATH", "/usr/bin:/usr/sbin");
        let environment = self.all("Environment");
        command.envs(environment.filter_map(|setting| setting.split_once('=')));
        command.current_dir("/");
        Ok(command)
    }
}
