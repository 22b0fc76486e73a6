use std::{
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use serde_json::Value;

use crate::{
    Folder, Output, Port, Process, SOON, TestRegistry, eventually, folder::files_below, program,
    until,
};

/// An AMS: the program `ams` with a base folder and a port of its own, and `amc` to talk to it.
#[derive(Debug)]
pub struct TestAms {
    folder: Folder,
    port: Port,
    process: Option<Process>,
    environment: Vec<(String, String)>,
}

impl TestAms {
    /// Starts one for amd64 and waits until it answers.
    pub fn start() -> Self {
        Self::start_for("amd64")
    }

    /// Starts one for an architecture.
    pub fn start_for(architecture: &str) -> Self {
        Self::start_with(architecture, &[])
    }

    /// Starts one with more in its environment.
    pub fn start_with(architecture: &str, environment: &[(&str, &str)]) -> Self {
        let (folder, port) = (Folder::new("ams"), Port::take());
        let settings = format!(
            "listen-address: {}\narchitecture: {architecture}\n",
            port.address()
        );
        folder.write("server/settings.yaml", settings);
        let mut ams = Self {
            folder,
            port,
            process: None,
            environment: environment
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
        };
        ams.run();
        ams
    }

    /// Starts it, again where it ran before, and waits until it answers.
    pub fn run(&mut self) {
        let process = Process::start(&mut self.serve(), &self.folder.join("log"));
        self.process = Some(process);
        until("the AMS answers", SOON, || {
            self.process().insist();
            self.amc(&["info"]).code == 0
        });
    }

    fn serve(&self) -> Command {
        let mut serve = Command::new(program("ams"));
        serve
            .arg("serve")
            .env("AMS_BASE_DIR", self.base())
            .env_remove("SNAP_COMMON")
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .current_dir(self.base());
        serve
    }

    /// Tries to serve the same base folder a second time.
    pub fn serve_again(&self) -> Output {
        Output::of(&mut self.serve(), &[])
    }

    /// Its base folder.
    pub fn base(&self) -> &Path {
        self.folder.path()
    }

    /// Its address for remote clients.
    pub fn url(&self) -> String {
        format!("https://{}", self.port.address())
    }

    /// The certificate that it shows to the registry.
    pub fn client_certificate(&self) -> PathBuf {
        self.folder.join("registry/client.crt")
    }

    /// The fingerprint of that certificate.
    pub fn client_fingerprint(&self) -> String {
        crate::registry::fingerprint_of(&self.client_certificate())
    }

    /// Its process.
    pub fn process(&mut self) -> &mut Process {
        self.process.as_mut().unwrap()
    }

    /// What it has logged.
    pub fn log(&self) -> String {
        fs_err::read_to_string(self.folder.join("log")).unwrap()
    }

    /// Ends it at once, as a power failure would.
    pub fn kill(&mut self) {
        self.process.take().unwrap().kill();
    }

    /// Asks it to stop and waits until it has.
    pub fn stop(&mut self) {
        let mut process = self.process.take().unwrap();
        process.terminate();
        let status = process.ended();
        assert!(status.success(), "{status}\n{}", process.log());
    }

    /// The command line that talks to it, without arguments.
    pub fn amc_command(&self) -> Command {
        let mut command = Command::new(program("amc"));
        command
            .env("AMS_BASE_DIR", self.base())
            .env("HOME", self.base())
            .env_remove("XDG_CONFIG_HOME")
            .env_remove("SNAP_COMMON")
            .current_dir(self.base());
        command
    }

    /// Runs a command of its command line.
    pub fn amc(&self, args: &[&str]) -> Output {
        Output::of(self.amc_command().args(args), &[])
    }

    /// Sets items of its configuration.
    pub fn set(&self, items: &[(&str, &str)]) {
        for (name, value) in items {
            self.amc(&["config", "set", name, value]).done();
        }
    }

    /// Lets it know a registry and the registry know it, as the documentation says, except for the
    /// mode. The address may be that of somebody in between.
    pub fn introduce(&self, registry: &TestRegistry, url: &str, role: &str) {
        registry.trust(&self.client_certificate(), role);
        let certificate = registry.certificate();
        let trusted = ["config", "trust", "add", certificate.to_str().unwrap()];
        self.amc(&trusted).done();
        self.set(&[
            ("registry.url", url),
            ("registry.fingerprint", &registry.fingerprint()),
        ]);
    }

    /// An application as `amc application show` has it; `None` where there is none.
    pub fn application(&self, name: &str) -> Option<Value> {
        let shown = self.amc(&["application", "show", name, "--format", "json"]);
        (shown.code == 0).then(|| shown.json())
    }

    /// The names of its applications, sorted.
    pub fn names(&self) -> Vec<String> {
        let listed = self
            .amc(&["application", "list", "--format", "json"])
            .json();
        let names = listed.as_array().unwrap().iter();
        let mut names: Vec<_> = names
            .map(|a| a["name"].as_str().unwrap().to_owned())
            .collect();
        names.sort();
        names
    }

    /// Whether it has a version that can be used and is published.
    pub fn offers(&self, name: &str, number: u64) -> bool {
        self.version(name, number)
            .is_some_and(|version| version["published"] == true && version["status"] == "active")
    }

    /// A version of an application.
    pub fn version(&self, name: &str, number: u64) -> Option<Value> {
        let application = self.application(name)?;
        application["versions"].get(number.to_string()).cloned()
    }

    /// Waits until it has a version that can be used and is published.
    pub fn wait_for(&self, name: &str, number: u64) {
        self.wait_for_within(name, number, SOON);
    }

    /// Waits for a version for as long as it may take.
    pub fn wait_for_within(&self, name: &str, number: u64, limit: Duration) {
        let what = format!("version {number} of {name} can be used");
        self.waiting(&what, limit, || self.offers(name, number));
    }

    /// Waits until it has an application no longer.
    pub fn wait_until_gone(&self, name: &str) {
        let what = format!("{name} is gone");
        self.waiting(&what, SOON, || !self.names().iter().any(|n| n == name));
    }

    fn waiting(&self, what: &str, limit: Duration, mut is_so: impl FnMut() -> bool) {
        let begun = std::time::Instant::now();
        until(what, limit * 2, || {
            let so = is_so();
            if !so && begun.elapsed() > limit {
                let status = self.amc(&["registry", "status", "--format", "json"]);
                panic!(
                    "not within {limit:?}: {what}\n{}\n{}",
                    status.stdout,
                    self.log()
                );
            }
            so
        });
    }

    /// How it and its registry stand to each other.
    pub fn registry_status(&self) -> Value {
        let asked = ["registry", "status", "--format", "json"];
        self.amc(&asked).json()
    }

    /// Waits until the status of the registry agent is as wished for, and returns it.
    pub fn wait_for_status(&self, what: &str, wished: impl Fn(&Value) -> bool) -> Value {
        eventually(what, SOON, || {
            let status = self.registry_status();
            wished(&status).then_some(status)
        })
    }

    /// Exports a version into a file and returns where it is.
    pub fn export(&self, name: &str, number: u64) -> PathBuf {
        let to = self.folder.join(format!("{name}-{number}.export"));
        let number = number.to_string();
        let args = ["application", "export", name, &number, to.to_str().unwrap()];
        self.amc(&args).done();
        to
    }

    /// The files of its base folder with their sizes, by path relative to it.
    pub fn files(&self) -> Vec<(PathBuf, u64)> {
        files_below(self.base())
    }
}
