//! The container registry of the CNCF, as packaged by Debian.

use std::{process::Command, time::Duration};

use aar_testkit::{Folder, Port, Process, until};

use crate::{bench_registry::Certificates, usage::Meter};

/// A container registry on a folder, which runs until it is dropped.
pub(crate) struct Distribution {
    process: Process,
    port: Port,
    folder: Folder,
    certificates: Certificates,
}

impl Distribution {
    pub(crate) fn start(certificates: &Certificates) -> Option<Self> {
        let program = super::installed("docker-registry", "docker-registry")?;
        let (folder, port) = (Folder::new("distribution"), Port::take());
        let config = folder.write("config.yml", config(&port, certificates, &folder));
        let mut command = Command::new(program);
        command
            .arg("serve")
            .arg(config)
            .env("OTEL_TRACES_EXPORTER", "none");
        let process = Process::start(&mut command, &folder.join("log"));
        let started = Self {
            process,
            port,
            folder,
            certificates: certificates.clone(),
        };
        until("docker-registry responds", Duration::from_secs(20), || {
            let mut curl = started.certificates.curl();
            let output = curl.arg(started.url("/v2/")).output();
            output.unwrap().status.success()
        });
        Some(started)
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("https://{}{path}", self.port.address())
    }

    pub(crate) fn meter(&self) -> Meter {
        Meter::start("docker-registry", self.process.id())
    }

    /// Starts an upload, and returns its URL.
    pub(crate) fn start_upload(&self) -> String {
        let mut curl = self.certificates.curl();
        curl.args([
            "--request",
            "POST",
            "--dump-header",
            "-",
            "--output",
            "/dev/null",
        ]);
        let response = curl
            .arg(self.url("/v2/bench/blobs/uploads/"))
            .output()
            .unwrap();
        let headers = String::from_utf8_lossy(&response.stdout).into_owned();
        let location = headers.lines().find_map(|line| {
            let (name, value) = line.split_once(": ")?;
            name.eq_ignore_ascii_case("location")
                .then(|| value.trim().to_owned())
        });
        location.unwrap_or_else(|| panic!("there is no upload URL: {headers}"))
    }

    /// Stores a small manifest. Returns its path and its `ETag`.
    pub(crate) fn put_manifest(&self) -> (String, String) {
        let config = self.put_blob(b"{}");
        let manifest = serde_json::json!({
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": {"mediaType": "application/vnd.docker.container.image.v1+json", "size": 2, "digest": config},
            "layers": [],
        });
        let file = self.folder.write("manifest.json", manifest.to_string());
        let path = "/v2/bench/manifests/latest";
        let digest = format!("sha256:{}", aar_testkit::sha256(&file));
        let mut curl = self.certificates.curl();
        curl.args(["--request", "PUT", "--header"])
            .arg(format!("content-type: {MANIFEST}"));
        curl.arg("--data-binary")
            .arg(format!("@{}", file.display()));
        run(curl.arg(self.url(path)));
        (path.to_owned(), format!("\"{digest}\""))
    }

    fn put_blob(&self, content: &[u8]) -> String {
        let file = self.folder.write("blob", content);
        let digest = format!("sha256:{}", aar_testkit::sha256(&file));
        let url = self.start_upload();
        let separator = if url.contains('?') { '&' } else { '?' };
        let mut curl = self.certificates.curl();
        curl.arg("--upload-file").arg(&file);
        run(curl.arg(format!("{url}{separator}digest={digest}")));
        digest
    }

    /// Deletes every blob, because the registry stores a blob only once.
    pub(crate) fn delete_blobs(&self) {
        let storage = self.folder.join("storage/docker/registry/v2");
        if storage.exists() {
            fs_err::remove_dir_all(storage).unwrap();
        }
    }
}

pub(crate) const MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";

fn run(command: &mut Command) {
    let output = command.output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {errors}");
}

fn config(port: &Port, with: &Certificates, folder: &Folder) -> String {
    format!(
        "version: 0.1
log:
  level: error
  accesslog:
    disabled: true
storage:
  filesystem:
    rootdirectory: {storage}
  cache:
    blobdescriptor: inmemory
  delete:
    enabled: true
  maintenance:
    uploadpurging:
      enabled: false
http:
  addr: {address}
  secret: bench
  tls:
    certificate: {server}
    key: {server_key}
    minimumtls: tls1.3
    clientcas:
      - {client}
",
        storage = folder.join("storage").display(),
        address = port.address(),
        server = with.server.display(),
        server_key = with.server_key.display(),
        client = with.client.display(),
    )
}
