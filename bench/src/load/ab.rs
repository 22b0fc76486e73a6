//! `ab`, which sends requests on several connections and reports how long they took.

use std::{path::PathBuf, process::Command};

use aar_testkit::Folder;

use crate::{
    bench_registry::Certificates,
    usage::{Usage, run},
};

#[derive(Debug, Clone)]
pub(crate) struct Load {
    pub(crate) url: String,
    pub(crate) headers: Vec<String>,
    pub(crate) requests: usize,
    pub(crate) connections: usize,
    /// Whether connections are reused.
    pub(crate) keep_alive: bool,
    /// The expected status of every response.
    pub(crate) status: u16,
}

#[derive(Debug, Clone)]
pub(crate) struct LoadResult {
    pub(crate) per_second: f64,
    /// The 99th percentile of the latency, in milliseconds.
    pub(crate) p99: f64,
    pub(crate) usage: Usage,
}

/// The tool, with its client certificate.
pub(crate) struct Ab {
    folder: Folder,
    identity: PathBuf,
}

impl Ab {
    pub(crate) fn new(certificates: &Certificates) -> Option<Self> {
        if Command::new("ab").arg("-V").output().is_err() {
            let why = "ab is not installed (Debian: apt install apache2-utils)";
            aar_testkit::skip("the benchmark of small requests", why);
            return None;
        }
        let folder = Folder::new("ab");
        let read = |path: &PathBuf| fs_err::read(path).unwrap();
        let both = [read(&certificates.client), read(&certificates.client_key)].concat();
        let identity = folder.write("identity.pem", both);
        Some(Self { folder, identity })
    }

    pub(crate) fn run(&self, load: &Load) -> LoadResult {
        let percentiles = self.folder.join("percentiles.csv");
        let mut ab = Command::new("ab");
        ab.args(["-q", "-l", "-f", "TLS1.3", "-s", "60", "-E"])
            .arg(&self.identity);
        ab.arg("-n").arg(load.requests.to_string());
        ab.arg("-c").arg(load.connections.to_string());
        ab.arg("-e").arg(&percentiles);
        if load.keep_alive {
            ab.arg("-k");
        }
        for header in &load.headers {
            ab.arg("-H").arg(header);
        }
        let ran = run("ab", ab.arg(&load.url));
        load.check(&ran.stdout);
        let csv = fs_err::read_to_string(percentiles).unwrap();
        LoadResult {
            per_second: number(&ran.stdout, "Requests per second:"),
            p99: percentile(&csv, 99),
            usage: ran.usage,
        }
    }
}

impl Load {
    /// Checks the counters of the tool: responses with another status than 2xx, and lost connections.
    fn check(&self, output: &str) {
        let has = |name| output.lines().any(|line| line.starts_with(name));
        let other = if has("Non-2xx responses:") {
            number(output, "Non-2xx responses:")
        } else {
            0.0
        };
        let all = number(output, "Complete requests:");
        let expected = if (200..300).contains(&self.status) {
            0.0
        } else {
            all
        };
        let failed = number(output, "Failed requests:");
        let is_correct = (other - expected).abs() < 0.5 && failed < 0.5;
        assert!(
            is_correct,
            "{}: not every response was {}:\n{output}",
            self.url, self.status
        );
        if self.keep_alive {
            let kept = number(output, "Keep-Alive requests:");
            assert!(kept >= all * 0.99, "connections were not reused:\n{output}");
        }
    }
}

fn number(output: &str, name: &str) -> f64 {
    let line = output.lines().find_map(|line| line.strip_prefix(name));
    let word = line.and_then(|line| line.split_whitespace().next());
    word.and_then(|word| word.parse().ok())
        .unwrap_or_else(|| panic!("the output of ab has no line {name:?}\n{output}"))
}

fn percentile(csv: &str, percent: u8) -> f64 {
    let line = csv
        .lines()
        .find_map(|line| line.strip_prefix(&format!("{percent},")));
    line.and_then(|milliseconds| milliseconds.parse().ok())
        .unwrap_or_else(|| panic!("the output of ab has no percentile {percent}\n{csv}"))
}
