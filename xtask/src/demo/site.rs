//! The processes of the demo, and the commands that talk to them.

use std::{
    fs::{self, File},
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use super::interrupt::Interrupt;
use crate::command::{output, target_dir};

/// A registry and two AMS, stopped when dropped.
pub(crate) struct Site {
    pub(crate) publisher: Ams,
    pub(crate) client: Ams,
    registry: Process,
    port: u16,
    folder: tempfile::TempDir,
}

/// One AMS.
pub(crate) struct Ams {
    name: &'static str,
    base: PathBuf,
    process: Process,
}

struct Process(Child);

impl Site {
    /// Starts all three and waits until they answer.
    pub(crate) fn start(interrupt: &Interrupt) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("aar-demo-").tempdir()?;
        let port = free_port()?;
        let site = Self {
            registry: start_registry(&folder.path().join("registry"), port)?,
            publisher: Ams::start("publisher", folder.path())?,
            client: Ams::start("client", folder.path())?,
            port,
            folder,
        };
        site.wait_until_ready(interrupt)?;
        Ok(site)
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn url(&self) -> String {
        format!("https://127.0.0.1:{}", self.port)
    }

    pub(crate) fn server_certificate(&self) -> String {
        self.base().join("certs/server.crt").display().to_string()
    }

    /// Shows and runs a command of the registry.
    pub(crate) fn aar(&self, args: &[&str]) -> Result<()> {
        show("aar", args);
        succeed(self.aar_command().args(args))
    }

    pub(crate) fn aar_alias(&self) -> String {
        format!(
            "{} --base-dir {}",
            program("aar").display(),
            self.base().display()
        )
    }

    /// Ends the processes, then removes the folder.
    pub(crate) fn stop(self) {
        drop((self.client.process, self.publisher.process, self.registry));
        drop(self.folder);
    }

    fn base(&self) -> PathBuf {
        self.folder.path().join("registry")
    }

    fn aar_command(&self) -> Command {
        let mut command = Command::new(program("aar"));
        command.arg("--base-dir").arg(self.base());
        command
    }

    fn wait_until_ready(&self, interrupt: &Interrupt) -> Result<()> {
        wait("the registry", &self.base(), interrupt, || {
            quietly(self.aar_command().arg("status"))
        })?;
        for ams in [&self.publisher, &self.client] {
            wait(ams.name, &ams.base, interrupt, || {
                quietly(ams.command().arg("info"))
            })?;
        }
        Ok(())
    }
}

impl Ams {
    fn start(name: &'static str, folder: &Path) -> Result<Self> {
        let base = folder.join(name);
        let settings = format!("listen-address: 127.0.0.1:{}\n", free_port()?);
        write(&base.join("server/settings.yaml"), &settings)?;
        let process = Process::start("ams", &base)?;
        Ok(Self {
            name,
            base,
            process,
        })
    }

    /// The certificate that this AMS shows to the registry.
    pub(crate) fn client_certificate(&self) -> String {
        self.base.join("registry/client.crt").display().to_string()
    }

    /// Shows and runs a command of this AMS.
    pub(crate) fn amc(&self, args: &[&str]) -> Result<()> {
        show(&format!("{}: amc", self.name), args);
        succeed(self.command().args(args))
    }

    /// Runs a command and reads the JSON that it prints.
    pub(crate) fn query(&self, args: &[&str]) -> Result<Value> {
        let text = output(self.command().args(args))?;
        serde_json::from_str(&text).with_context(|| format!("no JSON: {text}"))
    }

    /// Whether the application is here with this version published.
    pub(crate) fn offers(&self, name: &str, version: u64) -> bool {
        let shown = self.query(&["application", "show", name, "--format", "json"]);
        shown.is_ok_and(|shown| shown["versions"][version.to_string()]["published"] == true)
    }

    pub(crate) fn alias(&self) -> String {
        format!(
            "{} --socket {}",
            program("amc").display(),
            self.socket().display()
        )
    }

    fn socket(&self) -> PathBuf {
        self.base.join("server/unix.socket")
    }

    fn command(&self) -> Command {
        let mut command = Command::new(program("amc"));
        command.arg("--socket").arg(self.socket());
        command
    }
}

impl Process {
    fn start(name: &str, base: &Path) -> Result<Self> {
        let log = File::create(base.join("log"))?;
        let mut command = Command::new(program(name));
        command.arg("--base-dir").arg(base).arg("serve");
        command
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log);
        Ok(Self(
            command
                .spawn()
                .with_context(|| format!("cannot start {name}"))?,
        ))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let pid = i32::try_from(self.0.id()).ok().and_then(Pid::from_raw);
        let asked = pid.is_some_and(|pid| kill_process(pid, Signal::TERM).is_ok());
        if !asked {
            let _ = self.0.kill();
        }
        let _ = self.0.wait();
    }
}

fn start_registry(base: &Path, port: u16) -> Result<Process> {
    let config = format!("http:\n  addr: 127.0.0.1:{port}\n");
    write(&base.join("conf/main.yaml"), &config)?;
    Process::start("aar", base)
}

fn wait(what: &str, base: &Path, interrupt: &Interrupt, ready: impl Fn() -> bool) -> Result<()> {
    let start = Instant::now();
    while !ready() {
        if start.elapsed() > Duration::from_mins(1) {
            let log = fs::read_to_string(base.join("log")).unwrap_or_default();
            bail!("{what} does not answer; its log:\n{log}");
        }
        interrupt.pause(Duration::from_millis(50))?;
    }
    Ok(())
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

fn free_port() -> Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

fn show(program: &str, args: &[&str]) {
    println!("\x1b[1m$ {program} {}\x1b[0m", args.join(" "));
}

fn succeed(command: &mut Command) -> Result<()> {
    let status = command.status()?;
    if status.success() {
        Ok(())
    } else {
        bail!("it failed: {status}")
    }
}

fn quietly(command: &mut Command) -> bool {
    let status = command.stdout(Stdio::null()).stderr(Stdio::null()).status();
    status.is_ok_and(|status| status.success())
}
