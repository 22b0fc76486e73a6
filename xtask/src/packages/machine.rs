//! The Debian packages on this machine: installed, set up by hand, removed and purged.

use std::{
    fs,
    net::TcpListener,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};

use super::{service::Service, snapshot::Snapshot};
use crate::command::{output, quietly, run};

/// The services, which are also their users and the names of their folders.
pub(super) const PROGRAMS: [&str; 2] = ["aar", "ams"];
/// What they come in.
const PACKAGES: [&str; 2] = ["anbox-aar", "anbox-ams"];
/// How exposed a service may be, in tenths of what systemd counts to ten.
const EXPOSURE: &str = "--threshold=20";
const PATIENCE: Duration = Duration::from_mins(1);

/// Where a package keeps everything.
pub(super) fn base(program: &str) -> PathBuf {
    Path::new("/var/lib").join(program)
}

pub(super) fn test(packages: &[PathBuf]) -> Result<()> {
    let before = Snapshot::take()?;
    let installed = Installed;
    install(packages)?;
    for program in PROGRAMS {
        units_are_sound(program)?;
    }
    set_up_by_hand()?;
    // As an upgrade does, with what the services have stored meanwhile.
    install(packages)?;
    for program in PROGRAMS {
        belongs_to_its_user(program)?;
    }
    run(Command::new("dpkg").arg("--remove").args(PACKAGES))?;
    for program in PROGRAMS {
        let folder = base(program);
        ensure!(folder.exists(), "{} is gone", folder.display());
    }
    drop(installed);
    before.expect_unchanged()
}

fn install(packages: &[PathBuf]) -> Result<()> {
    run(Command::new("dpkg").arg("--install").args(packages))
}

/// Purges the packages, whatever became of the test.
struct Installed;

impl Drop for Installed {
    fn drop(&mut self) {
        if let Err(error) = run(Command::new("dpkg").arg("--purge").args(PACKAGES)) {
            eprintln!("the packages are still installed: {error:#}");
        }
    }
}

fn unit(program: &str) -> PathBuf {
    PathBuf::from(format!("/usr/lib/systemd/system/{program}.service"))
}

fn units_are_sound(program: &str) -> Result<()> {
    run(Command::new("systemd-analyze")
        .arg("verify")
        .arg(unit(program)))?;
    quietly(
        Command::new("systemd-analyze")
            .args(["security", "--offline=true", "--no-pager", EXPOSURE])
            .arg(unit(program)),
    )
}

/// What the guides tell an operator to do, typed by root: a publisher's application reaches the
/// registry.
fn set_up_by_hand() -> Result<()> {
    let home = tempfile::tempdir()?;
    let operator = Operator {
        home: home.path().to_owned(),
    };
    let address = format!("127.0.0.1:{}", free_port()?);
    let config = format!("http:\n  addr: {address}\n");
    fs::write(base("aar").join("conf/main.yaml"), config)?;
    let settings = format!("listen-address: 127.0.0.1:{}\n", free_port()?);
    fs::write(base("ams").join("server/settings.yaml"), settings)?;

    // The first to open the registry is root; what that makes is the service's all the same.
    let ams = Service::start(&unit("ams"))?;
    operator.lets_publish()?;
    let registry = Service::start(&unit("aar"))?;
    operator.introduces(&address)?;
    operator.publishes()?;
    operator.types(&["aar", "storage", "verify"])?;
    operator.types(&["aar", "gc", "--dry-run"])?;
    ams.stop()?;
    registry.stop()
}

/// Root, with a home that nobody else may enter.
struct Operator {
    home: PathBuf,
}

impl Operator {
    fn types(&self, words: &[&str]) -> Result<String> {
        let mut command = Command::new(words[0]);
        command.args(&words[1..]).env("HOME", &self.home);
        for variable in ["AAR_BASE_DIR", "AMS_BASE_DIR", "SNAP_COMMON"] {
            command.env_remove(variable);
        }
        output(&mut command)
    }

    fn lets_publish(&self) -> Result<()> {
        let certificate = self.home.join("client.crt");
        fs::copy(base("ams").join("registry/client.crt"), &certificate)?;
        let path = certificate.to_string_lossy();
        self.types(&["aar", "trust", "add", "--publisher", &path])?;
        Ok(())
    }

    fn introduces(&self, address: &str) -> Result<()> {
        let server = base("aar").join("certs/server.crt");
        self.types(&["amc", "config", "trust", "add", &server.to_string_lossy()])?;
        let trusted = self.types(&["amc", "config", "trust", "list", "--format", "json"])?;
        let trusted: serde_json::Value = serde_json::from_str(&trusted)?;
        let fingerprint = trusted[0]["fingerprint"].as_str();
        let fingerprint = fingerprint.context("AMS trusts nobody")?;
        self.types(&["amc", "config", "set", "registry.fingerprint", fingerprint])?;
        let url = format!("https://{address}");
        self.types(&["amc", "config", "set", "registry.url", &url])?;
        self.types(&["amc", "config", "set", "registry.mode", "push"])?;
        Ok(())
    }

    fn publishes(&self) -> Result<()> {
        let package = self.home.join("hello");
        fs::create_dir(&package)?;
        let manifest = "name: hello\ninstance-type: a2.3\nboot-package: com.example.hello\n";
        fs::write(package.join("manifest.yaml"), manifest)?;
        self.types(&["amc", "application", "create", &package.to_string_lossy()])?;
        let deadline = Instant::now() + PATIENCE;
        while !self
            .types(&["aar", "application", "list"])?
            .contains("hello")
        {
            let status = || self.types(&["amc", "registry", "status"]);
            ensure!(Instant::now() < deadline, "not pushed: {}", status()?);
            std::thread::sleep(Duration::from_millis(100));
        }
        Ok(())
    }
}

/// Nothing that a service has to read may belong to whoever typed a command; what an operator put
/// there is the operator's.
fn belongs_to_its_user(program: &str) -> Result<()> {
    let user = base(program).metadata()?.uid();
    ensure!(user != 0, "the folder of {program} belongs to root");
    let by_hand = ["conf/main.yaml", "server/settings.yaml"].map(|file| base(program).join(file));
    let mut folders = vec![base(program)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            let metadata = path.symlink_metadata()?;
            let owned = metadata.uid() == user || by_hand.contains(&path);
            ensure!(owned, "{} does not belong to {program}", path.display());
            if metadata.is_dir() {
                folders.push(path);
            }
        }
    }
    Ok(())
}

fn free_port() -> Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}
