//! nginx as a file server with client certificates.

use std::{path::Path, process::Command, time::Duration};

use aar_testkit::{Folder, Port, Process, until};

use crate::{bench_registry::Certificates, usage::Meter};

/// Serves a folder until it is dropped.
pub(crate) struct Nginx {
    process: Process,
    port: Port,
    certificates: Certificates,
    _folder: Folder,
}

impl Nginx {
    pub(crate) fn start(root: &Path, certificates: &Certificates) -> Option<Self> {
        let program = super::installed("nginx", "nginx-light")?;
        let (folder, port) = (Folder::new("nginx"), Port::take());
        let config = folder.write("nginx.conf", config(root, &port, certificates, &folder));
        let mut command = Command::new(program);
        command.arg("-p").arg(folder.path()).arg("-c").arg(config);
        // nginx reports errors in its configuration before it opens its log file.
        command.arg("-e").arg("stderr");
        let process = Process::start(&mut command, &folder.join("log"));
        let nginx = Self {
            process,
            port,
            certificates: certificates.clone(),
            _folder: folder,
        };
        nginx.wait();
        Some(nginx)
    }

    fn wait(&self) {
        until("nginx responds", Duration::from_secs(20), || {
            let mut curl = self.certificates.curl();
            let output = curl
                .args(["--output", "/dev/null"])
                .arg(self.url("/"))
                .output();
            // Any response is enough: curl ends with 22 for an error status.
            matches!(output.unwrap().status.code(), Some(0 | 22))
        });
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("https://{}{path}", self.port.address())
    }

    /// The `ETag` of a file.
    pub(crate) fn tag(&self, path: &str) -> String {
        let mut curl = self.certificates.curl();
        curl.args([
            "--head",
            "--write-out",
            "%header{etag}",
            "--output",
            "/dev/null",
        ]);
        let output = curl.arg(self.url(path)).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    }

    pub(crate) fn meter(&self) -> Meter {
        Meter::start("nginx", self.process.id())
    }
}

fn config(root: &Path, port: &Port, with: &Certificates, folder: &Folder) -> String {
    let folder = folder.path().display();
    format!(
        "daemon off;
user root;
worker_processes auto;
pid {folder}/pid;
error_log stderr warn;
events {{ worker_connections 4096; }}
http {{
    access_log off;
    sendfile on;
    keepalive_requests 100000000;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    server {{
        listen {address} ssl;
        ssl_protocols TLSv1.3;
        ssl_certificate {server};
        ssl_certificate_key {server_key};
        ssl_client_certificate {client};
        ssl_verify_client on;
        ssl_session_tickets off;
        root {root};
    }}
}}
",
        address = port.address(),
        server = with.server.display(),
        server_key = with.server_key.display(),
        client = with.client.display(),
        root = root.display(),
    )
}
