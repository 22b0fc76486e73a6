//! The CNCF's registry of container images, as Debian packages it.

use std::{process::Command, time::Duration};

use aar_testkit::{Folder, Port, Process, until};

use crate::{site::Certificates, usage::Meter};

/// A registry of container images on a folder. It ends when dropped.
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
        until("docker-registry answers", Duration::from_secs(20), || {
            let mut curl = started.certificates.curl();
            let asked = curl.arg(started.url("/v2/")).output();
            asked.unwrap().status.success()
        });
        Some(started)
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("https://{}{path}", self.port.address())
    }

    pub(crate) fn meter(&self) -> Meter {
        Meter::start("docker-registry", self.process.id())
    }

    /// Where an upload that is begun now is to be sent.
    pub(crate) fn begin_upload(&self) -> String {
        let mut curl = self.certificates.curl();
        curl.args([
            "--request",
            "POST",
            "--dump-header",
            "-",
            "--output",
            "/dev/null",
        ]);
        let begun = curl
            .arg(self.url("/v2/bench/blobs/uploads/"))
            .output()
            .unwrap();
        let headers = String::from_utf8_lossy(&begun.stdout).into_owned();
        let location = headers.lines().find_map(|line| {
            let (name, value) = line.split_once(": ")?;
            name.eq_ignore_ascii_case("location")
                .then(|| value.trim().to_owned())
        });
        location.unwrap_or_else(|| panic!("no upload was begun: {headers}"))
    }

    /// Stores a small manifest; gives its path and its tag for conditional requests.
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
        done(curl.arg(self.url(path)));
        (path.to_owned(), format!("\"{digest}\""))
    }

    fn put_blob(&self, content: &[u8]) -> String {
        let file = self.folder.write("blob", content);
        let digest = format!("sha256:{}", aar_testkit::sha256(&file));
        let address = self.begin_upload();
        let joint = if address.contains('?') { '&' } else { '?' };
        let mut curl = self.certificates.curl();
        curl.arg("--upload-file").arg(&file);
        done(curl.arg(format!("{address}{joint}digest={digest}")));
        digest
    }

    /// Forgets every blob: one that is there already need not be stored.
    pub(crate) fn forget(&self) {
        let storage = self.folder.join("storage/docker/registry/v2");
        if storage.exists() {
            fs_err::remove_dir_all(storage).unwrap();
        }
    }
}

pub(crate) const MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";

fn done(command: &mut Command) {
    let output = command.output().unwrap();
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {complaint}");
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
