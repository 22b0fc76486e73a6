//! Installs the Debian packages on this machine, sets them up by hand, removes and purges them.

use std::{
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};

use super::{service::Service, snapshot::Snapshot};
use crate::{
    command::{output, run, run_quietly},
    port::Port,
};

/// The services; their users and folders have the same names.
pub(super) const SERVICES: [&str; 2] = ["aar", "ams"];
const PACKAGES: [&str; 2] = ["anbox-aar", "anbox-ams"];
/// The highest exposure that `systemd-analyze security` may compute, in tenths of its ten points.
const EXPOSURE: &str = "--threshold=20";
const PUSH_DEADLINE: Duration = Duration::from_mins(1);

/// The folder that holds all data of a service.
pub(super) fn base(service: &str) -> PathBuf {
    Path::new("/var/lib").join(service)
}

pub(super) fn test(packages: &[PathBuf]) -> Result<()> {
    let before = Snapshot::take()?;
    let purge = PurgeOnDrop;
    install(packages)?;
    for service in SERVICES {
        check_unit(service)?;
    }
    set_up_by_hand()?;
    // As an upgrade does, with the data that the services have stored.
    install(packages)?;
    for service in SERVICES {
        check_owner(service)?;
    }
    run(Command::new("dpkg").arg("--remove").args(PACKAGES))?;
    for service in SERVICES {
        let folder = base(service);
        ensure!(folder.exists(), "removing deleted {}", folder.display());
    }
    drop(purge);
    before.expect_unchanged()
}

fn install(packages: &[PathBuf]) -> Result<()> {
    run(Command::new("dpkg").arg("--install").args(packages))
}

struct PurgeOnDrop;

impl Drop for PurgeOnDrop {
    fn drop(&mut self) {
        if let Err(error) = run(Command::new("dpkg").arg("--purge").args(PACKAGES)) {
            eprintln!("the packages are still installed: {error:#}");
        }
    }
}

fn unit(service: &str) -> PathBuf {
    PathBuf::from(format!("/usr/lib/systemd/system/{service}.service"))
}

fn check_unit(service: &str) -> Result<()> {
    run(Command::new("systemd-analyze")
        .arg("verify")
        .arg(unit(service)))?;
    run_quietly(
        Command::new("systemd-analyze")
            .args(["security", "--offline=true", "--no-pager", EXPOSURE])
            .arg(unit(service)),
    )
}

/// Runs the commands of the guides as root until a publisher's application is in the registry.
fn set_up_by_hand() -> Result<()> {
    let home = tempfile::tempdir()?;
    let operator = Operator {
        home: home.path().to_owned(),
    };
    let ports = (Port::reserve()?, Port::reserve()?);
    let address = ports.0.address().to_string();
    let config = format!("http:\n  addr: {address}\n");
    fs::write(base("aar").join("conf/main.yaml"), config)?;
    let settings = format!("listen-address: {}\n", ports.1.address());
    fs::write(base("ams").join("server/settings.yaml"), settings)?;

    let ams = Service::start(&unit("ams"))?;
    let registry = Service::start(&unit("aar"))?;
    // Root writes to the registry; the files that this creates have to belong to the service.
    operator.trust_publisher()?;
    operator.connect_ams(&address)?;
    operator.publish()?;
    operator.command(&["aar", "storage", "verify"])?;
    operator.command(&["aar", "gc", "--dry-run"])?;
    ams.stop()?;
    registry.stop()
}

/// Root with a home that no other user can read.
struct Operator {
    home: PathBuf,
}

impl Operator {
    fn command(&self, words: &[&str]) -> Result<String> {
        let mut command = Command::new(words[0]);
        command.args(&words[1..]).env("HOME", &self.home);
        for variable in ["AAR_BASE_DIR", "AMS_BASE_DIR", "SNAP_COMMON"] {
            command.env_remove(variable);
        }
        output(&mut command)
    }

    fn trust_publisher(&self) -> Result<()> {
        let certificate = self.home.join("client.crt");
        fs::copy(base("ams").join("registry/client.crt"), &certificate)?;
        let path = certificate.to_string_lossy();
        self.command(&["aar", "trust", "add", "--publisher", &path])?;
        Ok(())
    }

    fn connect_ams(&self, address: &str) -> Result<()> {
        let server = base("aar").join("certs/server.crt");
        self.command(&["amc", "config", "trust", "add", &server.to_string_lossy()])?;
        let trusted = self.command(&["amc", "config", "trust", "list", "--format", "json"])?;
        let trusted: serde_json::Value = serde_json::from_str(&trusted)?;
        let fingerprint = trusted[0]["fingerprint"].as_str();
        let fingerprint = fingerprint.context("AMS lists no trusted certificate")?;
        self.command(&["amc", "config", "set", "registry.fingerprint", fingerprint])?;
        let url = format!("https://{address}");
        self.command(&["amc", "config", "set", "registry.url", &url])?;
        self.command(&["amc", "config", "set", "registry.mode", "push"])?;
        Ok(())
    }

    fn publish(&self) -> Result<()> {
        let package = self.home.join("hello");
        fs::create_dir(&package)?;
        let manifest = "name: hello\ninstance-type: a2.3\nboot-package: com.example.hello\n";
        fs::write(package.join("manifest.yaml"), manifest)?;
        self.command(&["amc", "application", "create", &package.to_string_lossy()])?;
        let deadline = Instant::now() + PUSH_DEADLINE;
        while !self
            .command(&["aar", "application", "list"])?
            .contains("hello")
        {
            let status = || self.command(&["amc", "registry", "status"]);
            ensure!(Instant::now() < deadline, "not pushed: {}", status()?);
            std::thread::sleep(Duration::from_millis(100));
        }
        Ok(())
    }
}

/// Every file below the folder of a service belongs to the service, except those that the operator
/// wrote by hand.
fn check_owner(service: &str) -> Result<()> {
    let user = base(service).metadata()?.uid();
    ensure!(user != 0, "the folder of {service} belongs to root");
    let by_hand = ["conf/main.yaml", "server/settings.yaml"].map(|file| base(service).join(file));
    let mut folders = vec![base(service)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            let metadata = path.symlink_metadata()?;
            let is_owned = metadata.uid() == user || by_hand.contains(&path);
            ensure!(is_owned, "{} does not belong to {service}", path.display());
            if metadata.is_dir() {
                folders.push(path);
            }
        }
    }
    Ok(())
}
