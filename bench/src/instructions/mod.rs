//! Regressions of the hot paths, by the instructions that the registry executes: `cargo xtask
//! instructions`.
//!
//! Time differs from machine to machine and from minute to minute; the number of instructions
//! hardly does. A path is walked less and more often, and the difference is divided by how much
//! more often: what it takes to start, to shake hands and to stop cancels out.
//!
//! Valgrind shows programs one and the same processor on every machine that has AVX2. It has no SHA
//! instructions, so what is counted is hashing in software. A copy of more than 4 KiB is one repeated
//! instruction there and counts once for each byte: a future that grows beyond that stands out.

mod callgrind;
mod kept;

use aar_testkit::{Generated, skip, tool};
use anyhow::{Result, bail};

use self::kept::Kept;
use crate::site::Site;

/// What to do with what was counted.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Keep the new counts; fail nowhere
    #[arg(long)]
    write: bool,
}

/// What is counted.
struct Path {
    name: &'static str,
    /// What is walked once.
    what: &'static str,
    less: u64,
    more: u64,
    walk: fn(&Site, u64),
}

const PATHS: [Path; 2] = [
    Path {
        name: "poll",
        what: "a poll when nothing has changed",
        less: 500,
        more: 6500,
        walk: poll,
    },
    Path {
        name: "upload",
        what: "a MiB that is uploaded, hashed and stored",
        less: IMAGE,
        more: 2 * IMAGE,
        walk: upload,
    },
];

const LIST: &str = "/1.0/applications?architecture=amd64&recursion=1&limit=-1";
/// MiB of an uploaded image.
const IMAGE: u64 = 64;

pub(crate) fn run(args: &Args) -> Result<()> {
    if !comparable()? {
        eprintln!("SKIPPED: instructions: the counts kept are for x86-64 with AVX2");
        return Ok(());
    }
    if tool("valgrind").is_none() {
        skip("instructions", "valgrind is not installed");
        return Ok(());
    }
    let mut kept = Kept::read()?;
    let mut differing = Vec::new();
    for path in &PATHS {
        let now = path.count()?;
        let (line, tolerable) = kept.compare(path.name, now);
        println!("{line}, for {}", path.what);
        kept.accept(path.name, path.what, now);
        if !tolerable {
            differing.push(line);
        }
    }
    if args.write {
        return kept.write();
    }
    if differing.is_empty() {
        return Ok(());
    }
    let report = format!("{}\n{}", differing.join("\n"), kept.advice());
    if kept.is_of_these_tools() {
        bail!(report);
    }
    // Another compiler makes other code of the same source: that is no matter of a change.
    eprintln!("{report}");
    Ok(())
}

/// Whether programs see the processor here that the counts were taken on.
fn comparable() -> Result<bool> {
    Ok(fs_err::read_to_string("/proc/cpuinfo")?.contains(" avx2 "))
}

impl Path {
    /// The instructions of walking it once.
    fn count(&self) -> Result<u64> {
        let less = callgrind::count(|site| (self.walk)(site, self.less))?;
        let more = callgrind::count(|site| (self.walk)(site, self.more))?;
        Ok(more.saturating_sub(less) / (self.more - self.less))
    }
}

/// Asks so often, on one connection.
fn poll(site: &Site, times: u64) {
    let http = site.registry.http(Some(&site.pki.client));
    let tag = http.get(LIST).headers["etag"].clone();
    for _ in 0..times {
        let answer = http.send("GET", LIST, &[("if-none-match", &tag)], Vec::new());
        assert_eq!(answer.status, 304, "{}", answer.text());
    }
}

/// Stores so much, on one connection.
fn upload(site: &Site, mebibytes: u64) {
    let http = site.publisher();
    for seed in 1..=mebibytes / IMAGE {
        let content = Generated {
            size: IMAGE << 20,
            seed,
        };
        let upload = content.begin_upload(&http, &content.digest());
        assert_eq!(content.send_to(&http, &upload), 204);
    }
}
