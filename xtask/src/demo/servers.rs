//! The servers of the demo: a registry, a publisher and a client.

use std::{
    fs::{self, File},
    net::{SocketAddr, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};

use super::{
    command_line::{CommandLine, quote},
    interrupt::Interrupt,
};
use crate::{command::target_dir, port::Port};

const START_DEADLINE: Duration = Duration::from_mins(1);

/// All three servers, stopped when dropped.
pub(super) struct Servers {
    pub(super) registry: Registry,
    pub(super) publisher: Ams,
    pub(super) client: Ams,
    folder: tempfile::TempDir,
}

pub(super) struct Registry {
    pub(super) aar: CommandLine,
    process: Process,
    port: Port,
}

pub(super) struct Ams {
    pub(super) amc: CommandLine,
    process: Process,
    _port: Port,
}

impl Servers {
    /// Starts all three and waits until they are ready.
    pub(super) fn start(interrupt: &Interrupt) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("aar-demo-").tempdir()?;
        let mut servers = Self {
            registry: Registry::start(folder.path())?,
            publisher: Ams::start("pub", folder.path())?,
            client: Ams::start("sub", folder.path())?,
            folder,
        };
        servers.registry.wait_until_ready(interrupt)?;
        servers.publisher.wait_until_ready(interrupt)?;
        servers.client.wait_until_ready(interrupt)?;
        Ok(servers)
    }

    pub(super) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The shell command that makes `aar`, `pub` and `sub` available.
    pub(super) fn export_path(&self) -> String {
        let folder = scripts(self.folder());
        format!(
            "export PATH={}:\"$PATH\"",
            quote(&folder.display().to_string())
        )
    }

    /// Stops the servers, then deletes the folder.
    pub(super) fn stop(self) {
        drop((self.client, self.publisher, self.registry));
        drop(self.folder);
    }
}

impl Registry {
    fn start(folder: &Path) -> Result<Self> {
        let (base, port) = (folder.join("registry"), Port::reserve()?);
        let config = format!("http:\n  addr: {}\n", port.address());
        write(&base.join("conf/main.yaml"), &config)?;
        let option = ("--base-dir", &*base);
        Ok(Self {
            aar: CommandLine::write(&scripts(folder), "aar", &program("aar"), option)?,
            process: Process::start("aar", base)?,
            port,
        })
    }

    pub(super) fn certificate(&self) -> String {
        let path = self.process.base.join("certs/server.crt");
        path.display().to_string()
    }

    pub(super) fn url(&self) -> String {
        format!("https://{}", self.port.address())
    }

    /// The registry accepts connections only after it has written its certificate; `aar status`
    /// succeeds before that.
    fn wait_until_ready(&mut self, interrupt: &Interrupt) -> Result<()> {
        let address: SocketAddr = self.port.address();
        self.process
            .wait_until(interrupt, || TcpStream::connect(address).is_ok())
    }
}

impl Ams {
    fn start(name: &'static str, folder: &Path) -> Result<Self> {
        let (base, port) = (folder.join(name), Port::reserve()?);
        let settings = format!("listen-address: {}\n", port.address());
        write(&base.join("server/settings.yaml"), &settings)?;
        let socket = base.join("server/unix.socket");
        let option = ("--socket", &*socket);
        Ok(Self {
            amc: CommandLine::write(&scripts(folder), name, &program("amc"), option)?,
            process: Process::start("ams", base)?,
            _port: port,
        })
    }

    /// The certificate that this AMS presents to the registry.
    pub(super) fn client_certificate(&self) -> String {
        let path = self.process.base.join("registry/client.crt");
        path.display().to_string()
    }

    pub(super) fn has_published(&self, name: &str, version: u64) -> bool {
        let application = self
            .amc
            .query(&["application", "show", name, "--format", "json"]);
        application.is_ok_and(|shown| shown["versions"][version.to_string()]["published"] == true)
    }

    /// AMS opens its socket only after it has written its certificates.
    fn wait_until_ready(&mut self, interrupt: &Interrupt) -> Result<()> {
        let amc = &self.amc;
        self.process
            .wait_until(interrupt, || amc.succeeds(&["info"]))
    }
}

/// A server process with its base folder, stopped with SIGTERM when dropped.
struct Process {
    child: Child,
    base: PathBuf,
}

impl Process {
    fn start(name: &str, base: PathBuf) -> Result<Self> {
        let log = File::create(base.join("log"))?;
        let mut command = Command::new(program(name));
        command.arg("--base-dir").arg(&base).arg("serve");
        command
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log);
        let child = command
            .spawn()
            .with_context(|| format!("cannot start {name}"))?;
        Ok(Self { child, base })
    }

    fn wait_until(&mut self, interrupt: &Interrupt, is_ready: impl Fn() -> bool) -> Result<()> {
        let start = Instant::now();
        while !is_ready() {
            let exited = self.child.try_wait()?;
            if exited.is_some() || start.elapsed() > START_DEADLINE {
                let log = fs::read_to_string(self.base.join("log")).unwrap_or_default();
                bail!("{} did not start; its log:\n{log}", self.base.display());
            }
            interrupt.sleep(Duration::from_millis(50))?;
        }
        Ok(())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let pid = Pid::from_child(&self.child);
        if kill_process(pid, Signal::TERM).is_err() {
            let _ = self.child.kill();
        }
        let _ = self.child.wait();
    }
}

fn scripts(folder: &Path) -> PathBuf {
    folder.join("bin")
}

fn program(name: &str) -> PathBuf {
    target_dir().join("debug").join(name)
}

fn write(path: &Path, text: &str) -> Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    Ok(fs::write(path, text)?)
}
