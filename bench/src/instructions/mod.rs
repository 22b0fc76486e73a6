//! Regressions of the hot paths, measured by the instructions that the registry executes: `cargo xtask
//! instructions`.
//!
//! Times differ between machines and runs; the number of instructions hardly does. A path is executed a few
//! times and many times, and the difference of the counts is divided by that of the repetitions. So the
//! start, the handshake and the stop cancel out.
//!
//! Valgrind emulates the same processor on every machine with AVX2. That processor has no SHA instructions,
//! so hashing in software is counted. A copy of more than 4 KiB is one repeated instruction and counts once
//! for each byte: a future that grows beyond that size is conspicuous.

mod baseline;
mod callgrind;

use aar_testkit::{Generated, skip, tool};
use anyhow::{Result, bail};

use self::baseline::Baseline;
use crate::bench_registry::BenchRegistry;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Write the new counts to the baseline instead of comparing them
    #[arg(long)]
    write: bool,
}

struct HotPath {
    name: &'static str,
    /// A description of one repetition.
    about: &'static str,
    few: u64,
    many: u64,
    execute: fn(&BenchRegistry, u64),
}

const PATHS: [HotPath; 2] = [
    HotPath {
        name: "poll",
        about: "a poll when nothing has changed",
        few: 500,
        many: 6500,
        execute: poll,
    },
    HotPath {
        name: "upload",
        about: "a MiB that is uploaded, hashed, checked and stored",
        few: IMAGE,
        many: 2 * IMAGE,
        execute: upload,
    },
];

const LIST: &str = "/1.0/applications?architecture=amd64&recursion=1&limit=-1";
/// The size of an uploaded image in MiB.
const IMAGE: u64 = 64;

pub(crate) fn run(args: &Args) -> Result<()> {
    if !is_comparable()? {
        eprintln!("SKIPPED: instructions: the baseline is for x86-64 with AVX2");
        return Ok(());
    }
    if tool("valgrind").is_none() {
        skip("instructions", "valgrind is not installed");
        return Ok(());
    }
    let mut baseline = Baseline::read()?;
    let mut differing = Vec::new();
    for path in &PATHS {
        let count = path.count()?;
        let (line, tolerable) = baseline.compare(path.name, count);
        println!("{line}, for {}", path.about);
        baseline.accept(path.name, path.about, count);
        if !tolerable {
            differing.push(line);
        }
    }
    if args.write {
        return baseline.write();
    }
    if differing.is_empty() {
        return Ok(());
    }
    let report = format!("{}\n{}", differing.join("\n"), baseline.hint());
    if baseline.is_of_installed_tools() {
        bail!(report);
    }
    // Another compiler generates other code from the same source, so this is not a failure.
    eprintln!("{report}");
    Ok(())
}

/// Whether valgrind emulates the processor of the baseline on this machine.
fn is_comparable() -> Result<bool> {
    Ok(fs_err::read_to_string("/proc/cpuinfo")?.contains(" avx2 "))
}

impl HotPath {
    /// The instructions of one repetition.
    fn count(&self) -> Result<u64> {
        let few = callgrind::count(|bench| (self.execute)(bench, self.few))?;
        let many = callgrind::count(|bench| (self.execute)(bench, self.many))?;
        Ok(many.saturating_sub(few) / (self.many - self.few))
    }
}

/// Polls on one connection.
fn poll(bench: &BenchRegistry, times: u64) {
    let http = bench.registry.http(Some(&bench.pki.client));
    let tag = http.get(LIST).headers["etag"].clone();
    for _ in 0..times {
        let response = http.send("GET", LIST, &[("if-none-match", &tag)], Vec::new());
        assert_eq!(response.status, 304, "{}", response.text());
    }
}

/// Uploads images on one connection.
fn upload(bench: &BenchRegistry, mebibytes: u64) {
    let http = bench.publisher();
    for seed in 1..=mebibytes / IMAGE {
        let content = Generated {
            size: IMAGE << 20,
            seed,
        };
        let upload = content.start_upload(&http, &content.digest());
        assert_eq!(content.send_to(&http, &upload), 204);
    }
}
