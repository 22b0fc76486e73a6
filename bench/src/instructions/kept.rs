//! The counts that are kept in the repository, in `bench/instructions.json`.

use std::{collections::BTreeMap, path::PathBuf, process::Command};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use crate::machine::said;

/// For a count that has been kept by nobody yet.
const TOLERANCE: f64 = 5.0;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Kept {
    about: String,
    /// The compiler, and the tool that counted.
    taken_with: String,
    counts: BTreeMap<String, Count>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Count {
    of: String,
    instructions: u64,
    /// A count that differs by more, either way, is a failure.
    tolerance_percent: f64,
}

impl Kept {
    pub(super) fn read() -> Result<Self> {
        let path = file();
        let text = fs_err::read_to_string(&path)?;
        serde_json::from_str(&text).with_context(|| path.display().to_string())
    }

    /// How a new count compares with the one kept, and whether that will do.
    pub(super) fn compare(&self, name: &str, now: u64) -> (String, bool) {
        let Some(kept) = self.counts.get(name) else {
            return (format!("{name}: {now} instructions, none kept"), false);
        };
        let (difference, tolerance) = (kept.difference(now), kept.tolerance_percent);
        let line = format!(
            "{name}: {now} instructions, {} kept: {difference:+.1} %, ±{tolerance} % tolerated",
            kept.instructions
        );
        (line, difference.abs() <= tolerance)
    }

    /// Has a count take the place of the one kept; its tolerance stays.
    pub(super) fn accept(&mut self, name: &str, of: &str, instructions: u64) {
        let before = self.counts.get(name);
        let count = Count {
            of: of.to_owned(),
            instructions,
            tolerance_percent: before.map_or(TOLERANCE, |count| count.tolerance_percent),
        };
        self.counts.insert(name.to_owned(), count);
    }

    pub(super) fn write(mut self) -> Result<()> {
        self.taken_with = tools();
        let text = serde_json::to_string_pretty(&self)? + "\n";
        Ok(fs_err::write(file(), text)?)
    }

    /// Whether the same compiler and the same counter are at work.
    pub(super) fn is_of_these_tools(&self) -> bool {
        self.taken_with == tools()
    }

    /// What to do about counts that differ.
    pub(super) fn advice(&self) -> String {
        format!(
            "The counts kept were taken with {}, the new ones with {}. Where the change is meant, \
             accept them with `cargo xtask instructions --write` and commit bench/instructions.json.",
            self.taken_with,
            tools()
        )
    }
}

impl Count {
    /// By how many percent another count is more.
    #[expect(clippy::cast_precision_loss, reason = "shares of a count")]
    fn difference(&self, now: u64) -> f64 {
        let kept = self.instructions as f64;
        (now as f64 - kept) / kept * 100.0
    }
}

fn tools() -> String {
    let tools = ["rustc", "valgrind"];
    tools
        .map(|tool| said(Command::new(tool).arg("--version")))
        .join(", ")
}

fn file() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("instructions.json")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept() -> Kept {
        let count = Count {
            of: "a poll".to_owned(),
            instructions: 50_000,
            tolerance_percent: 4.0,
        };
        Kept {
            about: String::new(),
            taken_with: "rustc of yesterday".to_owned(),
            counts: BTreeMap::from([("poll".to_owned(), count)]),
        }
    }

    #[test]
    fn a_count_within_the_tolerance_will_do() {
        for now in [48_000, 50_000, 52_000] {
            assert!(kept().compare("poll", now).1, "{now}");
        }
    }

    #[test]
    fn a_count_outside_the_tolerance_will_not_do_either_way() {
        for (now, difference) in [(47_900, "-4.2 %"), (52_100, "+4.2 %"), (0, "-100.0 %")] {
            let (line, tolerable) = kept().compare("poll", now);
            assert!(!tolerable, "{line}");
            assert!(
                line.contains(&format!("{now} instructions, 50000 kept: {difference}")),
                "{line}"
            );
        }
    }

    #[test]
    fn a_count_that_nobody_keeps_will_not_do() {
        let (line, tolerable) = kept().compare("upload", 7);
        assert!(!tolerable);
        assert_eq!(line, "upload: 7 instructions, none kept");
    }

    #[test]
    fn an_accepted_count_is_compared_with_from_then_on_with_the_tolerance_of_before() {
        let mut kept = kept();
        kept.accept("poll", "a poll", 70_000);
        assert!(kept.compare("poll", 72_000).1);
        assert!(!kept.compare("poll", 73_000).1);
        kept.accept("upload", "a MiB", 7);
        assert!(kept.compare("upload", 7).1);
    }

    #[test]
    fn the_advice_names_the_tools_and_the_way_to_accept() {
        let advice = kept().advice();
        assert!(advice.contains("rustc of yesterday"), "{advice}");
        assert!(
            advice.contains("cargo xtask instructions --write"),
            "{advice}"
        );
    }

    #[test]
    fn the_file_in_the_repository_can_be_read() {
        let kept = Kept::read().unwrap();
        assert!(kept.counts.values().all(|count| count.instructions > 0));
        assert!(
            kept.counts
                .values()
                .all(|count| count.tolerance_percent > 0.0)
        );
    }
}
