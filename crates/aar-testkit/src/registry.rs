use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Command,
};

use aar_tls::Certificate;
use serde_json::Value;

use crate::{
    Bucket, Folder, Http, Output, Persona, Port, Process, S3Server, SOON, folder::files_below,
    program, until,
};

/// The section of a configuration file that keeps images in the base folder.
const FS: &str = "  fs:\n    root-directory: data\n";

/// A registry: the program `aar` with a base folder and a port of its own.
///
/// Its images are in a folder, unless `AAR_TEST_STORAGE=s3` wants them in a bucket of Ceph, or a test
/// asks for a bucket.
#[derive(Debug)]
pub struct TestRegistry {
    folder: Folder,
    port: Port,
    process: Option<Process>,
    bucket: Option<Bucket>,
    environment: Vec<(String, String)>,
}

impl TestRegistry {
    /// Starts one with the usual configuration and waits until it answers.
    pub fn start() -> Self {
        Self::start_with("")
    }

    /// Starts one with more in its configuration file.
    pub fn start_with(more: &str) -> Self {
        let mut registry = Self::prepare(more);
        registry.run();
        registry
    }

    /// One that has a base folder and does not run yet.
    pub fn prepare(more: &str) -> Self {
        match wanted_bucket() {
            Some(bucket) => {
                let section = bucket.section();
                Self::prepare_s3(bucket, &section, more)
            }
            None => Self::assemble(None, FS, more),
        }
    }

    /// One that does not run yet, with images in a bucket. `section` is `storage.s3` of its
    /// configuration file, indented as it stands there.
    pub fn prepare_s3(bucket: Bucket, section: &str, more: &str) -> Self {
        Self::assemble(Some(bucket), section, more)
    }

    /// One with images in a bucket, which it is told of as its owner would.
    pub fn start_s3(bucket: Bucket) -> Self {
        let section = bucket.section();
        let mut registry = Self::prepare_s3(bucket, &section, "");
        registry.run();
        registry
    }

    /// One through which every image passes, wherever it is stored: what its network does is then
    /// done to images, too.
    pub fn start_serving() -> Self {
        let mut registry = match wanted_bucket() {
            Some(bucket) => {
                let section = bucket.section() + "    redirect: false\n";
                Self::prepare_s3(bucket, &section, "")
            }
            None => Self::prepare(""),
        };
        registry.run();
        registry
    }

    /// One with a base folder that may have been used before.
    pub fn start_in(folder: Folder) -> Self {
        let mut registry = Self::furnish(folder, None, FS, "");
        registry.run();
        registry
    }

    fn assemble(bucket: Option<Bucket>, storage: &str, more: &str) -> Self {
        Self::furnish(Folder::new("aar"), bucket, storage, more)
    }

    fn furnish(folder: Folder, bucket: Option<Bucket>, storage: &str, more: &str) -> Self {
        let port = Port::take();
        let config = format!(
            "http:\n  addr: {}\nstorage:\n{storage}{more}",
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

    /// Gives it a variable of the environment.
    #[must_use]
    pub fn with_env(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The bucket that its images are in, where they are.
    pub fn bucket(&self) -> Option<&Bucket> {
        self.bucket.as_ref()
    }

    /// Starts it, again where it ran before, and waits until it answers.
    pub fn run(&mut self) {
        self.start_by(&mut self.command());
    }

    /// Starts it under a tool that watches it, such as a profiler: the tool gets its command line.
    pub fn run_under(&mut self, tool: &mut Command) {
        tool.arg(program("aar"));
        self.settle(tool);
        self.start_by(tool);
    }

    fn start_by(&mut self, program: &mut Command) {
        let process = Process::start(program.arg("serve"), &self.folder.join("log"));
        let process = self.process.insert(process);
        let certificate = self.folder.join("certs/server.crt");
        let url = format!("https://{}", self.port.address());
        until("the registry answers", SOON, || {
            process.insist();
            let answers = || Http::new(&url, &certificate, None).try_get("/1.0/status");
            certificate.exists() && answers().is_some_and(|answer| answer.status == 200)
        });
    }

    /// The program with its base folder, without arguments.
    pub fn command(&self) -> Command {
        let mut command = Command::new(program("aar"));
        self.settle(&mut command);
        command
    }

    /// Gives a command the base folder.
    fn settle(&self, command: &mut Command) {
        command
            .env("AAR_BASE_DIR", self.base())
            .env_remove("SNAP_COMMON")
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .current_dir(self.base());
    }

    /// Its base folder.
    pub fn base(&self) -> &Path {
        self.folder.path()
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.port.address()
    }

    /// Its address for clients.
    pub fn url(&self) -> String {
        format!("https://{}", self.address())
    }

    /// The file with its certificate.
    pub fn certificate(&self) -> PathBuf {
        self.folder.join("certs/server.crt")
    }

    /// The fingerprint of its certificate.
    pub fn fingerprint(&self) -> String {
        fingerprint_of(&self.certificate())
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

    /// Runs a command of its command line.
    pub fn aar(&self, args: &[&str]) -> Output {
        self.aar_with(args, &[])
    }

    /// Runs a command that reads something from standard input.
    pub fn aar_with(&self, args: &[&str], input: &[u8]) -> Output {
        Output::of(self.command().args(args), input)
    }

    /// Trusts somebody as `client` or `publisher`.
    pub fn trust(&self, certificate: &Path, role: &str) {
        let pem = fs_err::read(certificate).unwrap();
        let mut args = vec!["trust", "add", "--quiet"];
        if role == "publisher" {
            args.push("--publisher");
        }
        self.aar_with(&args, &pem).done();
    }

    /// Speaks to its API as somebody.
    pub fn http(&self, who: Option<&Persona>) -> Http {
        Http::new(&self.url(), &self.certificate(), who)
    }

    /// An application as `aar application show` has it; `None` where there is none.
    pub fn application(&self, name: &str) -> Option<Value> {
        let shown = self.aar(&["application", "show", name, "--format", "json"]);
        (shown.code == 0).then(|| shown.json())
    }

    /// The applications that it has.
    pub fn applications(&self) -> Vec<Value> {
        let listed = self.aar(&["application", "list", "--format", "json"]);
        listed.json().as_array().unwrap().clone()
    }

    /// The files or objects of its storage with their sizes, by path relative to it.
    pub fn stored(&self) -> Vec<(PathBuf, u64)> {
        let Some(bucket) = &self.bucket else {
            return files_below(&self.folder.join("data"));
        };
        let objects = bucket.objects().into_iter();
        objects.map(|(key, size)| (key.into(), size)).collect()
    }
}

/// A bucket, where the environment wants one.
fn wanted_bucket() -> Option<Bucket> {
    let wanted = std::env::var("AAR_TEST_STORAGE").unwrap_or_default();
    match wanted.as_str() {
        "" | "fs" => None,
        "s3" => {
            let server = S3Server::ceph("the suites with storage on S3");
            Some(server.expect("AAR_TEST_STORAGE=s3 needs Ceph").new_bucket())
        }
        other => panic!("AAR_TEST_STORAGE is fs or s3, not {other}"),
    }
}

/// The fingerprint of the certificate in a file.
pub(crate) fn fingerprint_of(path: &Path) -> String {
    let pem = fs_err::read_to_string(path).unwrap();
    Certificate::from_pem(&pem)
        .unwrap()
        .fingerprint()
        .to_string()
}
