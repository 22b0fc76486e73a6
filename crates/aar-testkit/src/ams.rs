use std::{
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use serde_json::Value;

use crate::{
    Folder, Output, Package, Port, Process, SOON, TestRegistry, eventually, folder::files_below,
    program, until,
};

/// The program `ams` with its own base folder and port, and `amc` as its client.
#[derive(Debug)]
pub struct TestAms {
    folder: Folder,
    port: Port,
    process: Option<Process>,
    environment: Vec<(String, String)>,
}

impl TestAms {
    /// Starts an AMS for amd64 and waits until it responds.
    pub fn start() -> Self {
        Self::start_for("amd64")
    }

    pub fn start_for(architecture: &str) -> Self {
        Self::start_with(architecture, &[])
    }

    /// Starts an AMS with environment variables.
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

    /// Starts the program, again on the same port, and waits until it responds.
    pub fn run(&mut self) {
        let process = Process::start(&mut self.serve(), &self.folder.join("log"));
        self.process = Some(process);
        until("the AMS responds", SOON, || {
            self.process().assert_running();
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

    /// Starts a second server on the same base folder, which must end without a signal.
    pub fn start_second(&self) -> Output {
        Output::run(&mut self.serve(), &[])
    }

    pub fn base(&self) -> &Path {
        self.folder.path()
    }

    /// The address for remote clients.
    pub fn url(&self) -> String {
        format!("https://{}", self.port.address())
    }

    /// The file with the certificate of its HTTPS server.
    pub fn certificate(&self) -> PathBuf {
        self.folder.join("server/server.crt")
    }

    pub fn fingerprint(&self) -> String {
        crate::registry::fingerprint_of(&self.certificate())
    }

    /// The file with the certificate that AMS shows to the registry.
    pub fn client_certificate(&self) -> PathBuf {
        self.folder.join("registry/client.crt")
    }

    pub fn client_fingerprint(&self) -> String {
        crate::registry::fingerprint_of(&self.client_certificate())
    }

    pub fn process(&mut self) -> &mut Process {
        self.process.as_mut().unwrap()
    }

    pub fn log(&self) -> String {
        fs_err::read_to_string(self.folder.join("log")).unwrap()
    }

    /// Sends SIGKILL, as sudden as a power failure.
    pub fn kill(&mut self) {
        self.process.take().unwrap().kill();
    }

    /// Sends SIGTERM, and waits for a successful end.
    pub fn stop(&mut self) {
        let mut process = self.process.take().unwrap();
        process.terminate();
        let status = process.wait();
        assert!(status.success(), "{status}\n{}", process.log());
    }

    /// `amc` with the environment of this AMS, without arguments.
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

    pub fn amc(&self, args: &[&str]) -> Output {
        Output::run(self.amc_command().args(args), &[])
    }

    /// Runs an `amc` command that reads standard input.
    pub fn amc_with(&self, args: &[&str], input: &str) -> Output {
        Output::run(self.amc_command().args(args), input.as_bytes())
    }

    pub fn set(&self, items: &[(&str, &str)]) {
        for (name, value) in items {
            self.amc(&["config", "set", name, value]).success();
        }
    }

    /// Connects AMS and registry as the documentation describes it, without the mode. The address may be
    /// that of a proxy.
    pub fn connect_to(&self, registry: &TestRegistry, url: &str, role: &str) {
        registry.trust(&self.client_certificate(), role);
        let certificate = registry.certificate();
        let trust = ["config", "trust", "add", certificate.to_str().unwrap()];
        self.amc(&trust).success();
        self.set(&[
            ("registry.url", url),
            ("registry.fingerprint", &registry.fingerprint()),
            // The buckets of the tests have no TLS.
            ("registry.insecure_redirects", "true"),
        ]);
    }

    /// Creates an application from a package, in a folder of its name below the base folder.
    pub fn create(&self, package: &Package) {
        let folder = package.write_folder(&self.base().join(package.name()));
        let create = ["application", "create", folder.to_str().unwrap()];
        self.amc(&create).success();
    }

    /// Adds a version to an application from a package.
    pub fn update(&self, package: &Package) {
        let folder = package.write_folder(&self.base().join(package.name()));
        let folder = folder.to_str().unwrap();
        let update = ["application", "update", package.name(), folder];
        self.amc(&update).success();
    }

    /// The output of `amc application show`.
    pub fn application(&self, name: &str) -> Option<Value> {
        let shown = self.amc(&["application", "show", name, "--format", "json"]);
        (shown.code == 0).then(|| shown.json())
    }

    /// The names of the applications, sorted.
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

    /// Whether a version is usable and published.
    pub fn has_published(&self, name: &str, number: u64) -> bool {
        self.version(name, number)
            .is_some_and(|version| version["published"] == true && version["status"] == "active")
    }

    pub fn version(&self, name: &str, number: u64) -> Option<Value> {
        let application = self.application(name)?;
        application["versions"].get(number.to_string()).cloned()
    }

    /// Waits until a version is usable and published.
    pub fn wait_for(&self, name: &str, number: u64) {
        self.wait_for_within(name, number, SOON);
    }

    pub fn wait_for_within(&self, name: &str, number: u64, limit: Duration) {
        let event = format!("version {number} of {name} is published");
        self.poll(&event, limit, || self.has_published(name, number));
    }

    /// Waits until an application has been deleted.
    pub fn wait_until_gone(&self, name: &str) {
        let event = format!("{name} is deleted");
        self.poll(&event, SOON, || !self.names().iter().any(|n| n == name));
    }

    /// Panics after the limit with the status of the registry agent and the log.
    fn poll(&self, event: &str, limit: Duration, mut condition: impl FnMut() -> bool) {
        let start = std::time::Instant::now();
        until(event, limit * 2, || {
            let holds = condition();
            if !holds && start.elapsed() > limit {
                let status = self.amc(&["registry", "status", "--format", "json"]);
                panic!(
                    "this did not happen within {limit:?}: {event}\n{}\n{}",
                    status.stdout,
                    self.log()
                );
            }
            holds
        });
    }

    /// The output of `amc registry status`.
    pub fn registry_status(&self) -> Value {
        self.amc(&["registry", "status", "--format", "json"]).json()
    }

    /// Waits until the status of the registry agent meets a condition, and returns the status.
    pub fn wait_for_status(&self, event: &str, condition: impl Fn(&Value) -> bool) -> Value {
        eventually(event, SOON, || {
            let status = self.registry_status();
            condition(&status).then_some(status)
        })
    }

    /// Exports a version to a file, and returns its path.
    pub fn export(&self, name: &str, number: u64) -> PathBuf {
        let to = self.folder.join(format!("{name}-{number}.export"));
        let number = number.to_string();
        let args = ["application", "export", name, &number, to.to_str().unwrap()];
        self.amc(&args).success();
        to
    }

    /// The files in the base folder, by relative path, with their sizes. The reserve of the database is left out.
    pub fn files(&self) -> Vec<(PathBuf, u64)> {
        let mut files = files_below(self.base());
        files.retain(|(path, _)| path.extension().is_none_or(|it| it != "reserve"));
        files
    }
}
