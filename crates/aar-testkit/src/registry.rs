use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Command,
};

use aar_tls::Certificate;
use serde_json::Value;

use crate::{
    Bucket, Folder, Output, Persona, Port, Process, S3Server, SOON, TestClient,
    folder::files_below, program, until,
};

/// The `storage` section that keeps images in the base folder.
const FS: &str = "  fs:\n    root-directory: data\n";

/// The program `aar` with its own base folder and port.
///
/// Images are stored in a folder; with `AAR_TEST_STORAGE=s3`, or if the test passes one, in a bucket.
#[derive(Debug)]
pub struct TestRegistry {
    folder: Folder,
    port: Port,
    process: Option<Process>,
    bucket: Option<Bucket>,
    environment: Vec<(String, String)>,
}

impl TestRegistry {
    /// Starts with the default configuration and waits until the registry responds.
    pub fn start() -> Self {
        Self::start_with("")
    }

    /// Starts with additional lines in the configuration file.
    pub fn start_with(config: &str) -> Self {
        let mut registry = Self::prepare(config);
        registry.run();
        registry
    }

    /// Creates the base folder without starting the program.
    pub fn prepare(config: &str) -> Self {
        match requested_bucket() {
            Some(bucket) => {
                let section = bucket.section();
                Self::prepare_s3(bucket, &section, config)
            }
            None => Self::create(None, FS, config),
        }
    }

    /// Creates the base folder of a registry on a bucket. `section` is `storage.s3` of the configuration
    /// file, with its indentation.
    pub fn prepare_s3(bucket: Bucket, section: &str, config: &str) -> Self {
        Self::create(Some(bucket), section, config)
    }

    /// Starts on a bucket, with the owner's key.
    pub fn start_s3(bucket: Bucket) -> Self {
        let section = bucket.section();
        let mut registry = Self::prepare_s3(bucket, &section, "");
        registry.run();
        registry
    }

    /// Starts a registry that serves images itself, wherever they are stored, so that faults of its
    /// network affect them.
    pub fn start_without_redirects() -> Self {
        let mut registry = match requested_bucket() {
            Some(bucket) => {
                let section = bucket.section() + "    redirect: false\n";
                Self::prepare_s3(bucket, &section, "")
            }
            None => Self::prepare(""),
        };
        registry.run();
        registry
    }

    /// Starts in a base folder that may have been used before.
    pub fn start_in(folder: Folder) -> Self {
        let mut registry = Self::create_in(folder, None, FS, "");
        registry.run();
        registry
    }

    fn create(bucket: Option<Bucket>, storage: &str, config: &str) -> Self {
        Self::create_in(Folder::new("aar"), bucket, storage, config)
    }

    fn create_in(folder: Folder, bucket: Option<Bucket>, storage: &str, config: &str) -> Self {
        let port = Port::take();
        let config = format!(
            "http:\n  addr: {}\nstorage:\n{storage}{config}",
            port.address()
        );
        folder.write("conf/main.yaml", config);
        Self {
            folder,
            port,
            process: None,
            bucket,
            environment: Vec::new(),
        }
    }

    /// Creates the base folder of another process over the same database and storage, with the same
    /// certificate.
    #[must_use]
    pub fn replica(&self) -> Self {
        let (folder, port) = (Folder::new("aar"), Port::take());
        let config = fs_err::read_to_string(self.folder.join("conf/main.yaml")).unwrap();
        let own = self.port.address().to_string();
        folder.write(
            "conf/main.yaml",
            config.replace(&own, &port.address().to_string()),
        );
        for file in ["certs/server.crt", "certs/server.key"] {
            folder.write(file, fs_err::read(self.folder.join(file)).unwrap());
        }
        Self {
            folder,
            port,
            process: None,
            bucket: None,
            environment: self.environment.clone(),
        }
    }

    #[must_use]
    pub fn with_env(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The bucket with its images, if they are not in a folder.
    pub fn bucket(&self) -> Option<&Bucket> {
        self.bucket.as_ref()
    }

    /// Starts the program, again on the same port, and waits until it responds.
    pub fn run(&mut self) {
        self.spawn(&mut self.command());
    }

    /// Starts the program under a tool, such as a profiler, which gets the command line as arguments.
    pub fn run_under(&mut self, tool: &mut Command) {
        tool.arg(program("aar"));
        self.set_environment(tool);
        self.spawn(tool);
    }

    fn spawn(&mut self, program: &mut Command) {
        let process = Process::start(program.arg("serve"), &self.folder.join("log"));
        let process = self.process.insert(process);
        let certificate = self.folder.join("certs/server.crt");
        let url = format!("https://{}", self.port.address());
        until("the registry responds", SOON, || {
            process.assert_running();
            let status = || TestClient::new(&url, &certificate, None).try_get("/1.0/status");
            certificate.exists() && status().is_some_and(|response| response.status == 200)
        });
    }

    /// The program with the environment of this registry, without arguments.
    pub fn command(&self) -> Command {
        let mut command = Command::new(program("aar"));
        self.set_environment(&mut command);
        command
    }

    fn set_environment(&self, command: &mut Command) {
        command
            .env("AAR_BASE_DIR", self.base())
            .env_remove("SNAP_COMMON")
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .current_dir(self.base());
    }

    pub fn base(&self) -> &Path {
        self.folder.path()
    }

    pub fn address(&self) -> SocketAddr {
        self.port.address()
    }

    pub fn url(&self) -> String {
        format!("https://{}", self.address())
    }

    /// The file with the server certificate.
    pub fn certificate(&self) -> PathBuf {
        self.folder.join("certs/server.crt")
    }

    /// The fingerprint of the server certificate.
    pub fn fingerprint(&self) -> String {
        fingerprint_of(&self.certificate())
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

    /// Runs an `aar` command on the base folder.
    pub fn aar(&self, args: &[&str]) -> Output {
        self.aar_with(args, &[])
    }

    /// Runs an `aar` command that reads standard input.
    pub fn aar_with(&self, args: &[&str], input: &[u8]) -> Output {
        Output::run(self.command().args(args), input)
    }

    /// Trusts a certificate with the role `client` or `publisher`.
    pub fn trust(&self, certificate: &Path, role: &str) {
        let pem = fs_err::read(certificate).unwrap();
        let mut args = vec!["trust", "add", "--quiet"];
        if role == "publisher" {
            args.push("--publisher");
        }
        self.aar_with(&args, &pem).success();
    }

    /// A client of the HTTP API with the certificate of a persona.
    pub fn http(&self, persona: Option<&Persona>) -> TestClient {
        TestClient::new(&self.url(), &self.certificate(), persona)
    }

    /// The output of `aar application show`.
    pub fn application(&self, name: &str) -> Option<Value> {
        let shown = self.aar(&["application", "show", name, "--format", "json"]);
        (shown.code == 0).then(|| shown.json())
    }

    /// The output of `aar application list`.
    pub fn applications(&self) -> Vec<Value> {
        let listed = self.aar(&["application", "list", "--format", "json"]);
        listed.json().as_array().unwrap().clone()
    }

    /// The files or objects in the storage, by relative path, with their sizes.
    pub fn stored_objects(&self) -> Vec<(PathBuf, u64)> {
        let Some(bucket) = &self.bucket else {
            return files_below(&self.folder.join("data"));
        };
        let objects = bucket.objects().into_iter();
        objects.map(|(key, size)| (key.into(), size)).collect()
    }
}

/// A new bucket if `AAR_TEST_STORAGE` requests one.
fn requested_bucket() -> Option<Bucket> {
    let storage = std::env::var("AAR_TEST_STORAGE").unwrap_or_default();
    match storage.as_str() {
        "" | "fs" => None,
        "s3" => {
            let server = S3Server::ceph("the suites with storage on S3");
            Some(server.expect("AAR_TEST_STORAGE=s3 needs Ceph").new_bucket())
        }
        other => panic!("AAR_TEST_STORAGE must be fs or s3, not {other}"),
    }
}

pub(crate) fn fingerprint_of(path: &Path) -> String {
    let pem = fs_err::read_to_string(path).unwrap();
    Certificate::from_pem(&pem)
        .unwrap()
        .fingerprint()
        .to_string()
}
