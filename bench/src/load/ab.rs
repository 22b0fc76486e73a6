//! `ab`, which keeps so many connections busy and says how long requests took.

use std::{path::PathBuf, process::Command};

use aar_testkit::Folder;

use crate::{
    site::Certificates,
    usage::{Usage, run},
};

/// A load: what is asked for, how often and by how many at a time.
#[derive(Debug, Clone)]
pub(crate) struct Load {
    pub(crate) url: String,
    pub(crate) headers: Vec<String>,
    pub(crate) requests: usize,
    pub(crate) connections: usize,
    /// Whether connections are used again.
    pub(crate) keep_alive: bool,
    /// The status that every answer has to have.
    pub(crate) status: u16,
}

/// What became of a load.
#[derive(Debug, Clone)]
pub(crate) struct Outcome {
    pub(crate) per_second: f64,
    /// The time within which 99 of 100 requests were answered, in milliseconds.
    pub(crate) p99: f64,
    pub(crate) usage: Usage,
}

/// The tool, with what it has to show.
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

    pub(crate) fn run(&self, load: &Load) -> Outcome {
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
        load.insist(&ran.stdout);
        let csv = fs_err::read_to_string(percentiles).unwrap();
        Outcome {
            per_second: number(&ran.stdout, "Requests per second:"),
            p99: percentile(&csv, 99),
            usage: ran.usage,
        }
    }
}

impl Load {
    /// The tool counts answers that are not 2xx, and asks once more where a connection broke.
    fn insist(&self, told: &str) {
        let count = |name| told.lines().any(|line| line.starts_with(name));
        let other = if count("Non-2xx responses:") {
            number(told, "Non-2xx responses:")
        } else {
            0.0
        };
        let all = number(told, "Complete requests:");
        let expected = if (200..300).contains(&self.status) {
            0.0
        } else {
            all
        };
        let failed = number(told, "Failed requests:");
        let right = (other - expected).abs() < 0.5 && failed < 0.5;
        assert!(
            right,
            "{}: not every answer was {}:\n{told}",
            self.url, self.status
        );
        if self.keep_alive {
            let kept = number(told, "Keep-Alive requests:");
            assert!(kept >= all * 0.99, "connections were not kept:\n{told}");
        }
    }
}

fn number(told: &str, name: &str) -> f64 {
    let line = told.lines().find_map(|line| line.strip_prefix(name));
    let word = line.and_then(|line| line.split_whitespace().next());
    word.and_then(|word| word.parse().ok())
        .unwrap_or_else(|| panic!("ab did not tell {name}\n{told}"))
}

fn percentile(csv: &str, wanted: u8) -> f64 {
    let line = csv
        .lines()
        .find_map(|line| line.strip_prefix(&format!("{wanted},")));
    line.and_then(|milliseconds| milliseconds.parse().ok())
        .unwrap_or_else(|| panic!("ab did not tell the percentile {wanted}\n{csv}"))
}
