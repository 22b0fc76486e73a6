//! The expected counts, in `bench/instructions.json`.

use std::{collections::BTreeMap, path::PathBuf, process::Command};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use crate::machine::first_line;

/// In percent, for a new count.
const TOLERANCE: f64 = 5.0;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Baseline {
    about: String,
    /// The versions of the compiler and of valgrind.
    taken_with: String,
    counts: BTreeMap<String, ExpectedCount>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ExpectedCount {
    of: String,
    instructions: u64,
    /// A larger difference, up or down, is a failure.
    tolerance_percent: f64,
}

impl Baseline {
    pub(super) fn read() -> Result<Self> {
        let path = file();
        let text = fs_err::read_to_string(&path)?;
        serde_json::from_str(&text).with_context(|| path.display().to_string())
    }

    /// Compares a count with the expected one. Returns a line for people, and whether the count is tolerable.
    pub(super) fn compare(&self, name: &str, count: u64) -> (String, bool) {
        let Some(expected) = self.counts.get(name) else {
            let line = format!("{name}: {count} instructions, not in the baseline");
            return (line, false);
        };
        let (difference, tolerance) = (expected.difference(count), expected.tolerance_percent);
        let line = format!(
            "{name}: {count} instructions, expected {}: {difference:+.1} %, ±{tolerance} % tolerated",
            expected.instructions
        );
        (line, difference.abs() <= tolerance)
    }

    /// Replaces an expected count; its tolerance stays.
    pub(super) fn accept(&mut self, name: &str, of: &str, instructions: u64) {
        let before = self.counts.get(name);
        let count = ExpectedCount {
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

    /// Whether the installed compiler and valgrind are those of the baseline.
    pub(super) fn is_of_installed_tools(&self) -> bool {
        self.taken_with == tools()
    }

    /// How to proceed with counts that differ.
    pub(super) fn hint(&self) -> String {
        format!(
            "The baseline was measured with {}, the new counts with {}. If the change is intended, run \
             `cargo xtask instructions --write` and commit bench/instructions.json.",
            self.taken_with,
            tools()
        )
    }
}

impl ExpectedCount {
    /// The difference in percent.
    #[expect(clippy::cast_precision_loss, reason = "counts are below 2^52")]
    fn difference(&self, count: u64) -> f64 {
        let expected = self.instructions as f64;
        (count as f64 - expected) / expected * 100.0
    }
}

fn tools() -> String {
    let tools = ["rustc", "valgrind"];
    tools
        .map(|tool| first_line(Command::new(tool).arg("--version")))
        .join(", ")
}

fn file() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("instructions.json")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn baseline() -> Baseline {
        let count = ExpectedCount {
            of: "a poll".to_owned(),
            instructions: 50_000,
            tolerance_percent: 4.0,
        };
        Baseline {
            about: String::new(),
            taken_with: "rustc 1.0".to_owned(),
            counts: BTreeMap::from([("poll".to_owned(), count)]),
        }
    }

    #[test]
    fn count_within_the_tolerance_is_tolerable() {
        for count in [48_000, 50_000, 52_000] {
            assert!(baseline().compare("poll", count).1, "{count}");
        }
    }

    #[test]
    fn count_outside_the_tolerance_is_a_failure_in_both_directions() {
        for (count, difference) in [(47_900, "-4.2 %"), (52_100, "+4.2 %"), (0, "-100.0 %")] {
            let (line, tolerable) = baseline().compare("poll", count);
            assert!(!tolerable, "{line}");
            assert!(
                line.contains(&format!(
                    "{count} instructions, expected 50000: {difference}"
                )),
                "{line}"
            );
        }
    }

    #[test]
    fn count_without_a_baseline_is_a_failure() {
        let (line, tolerable) = baseline().compare("upload", 7);
        assert!(!tolerable);
        assert_eq!(line, "upload: 7 instructions, not in the baseline");
    }

    #[test]
    fn accepted_count_is_the_new_baseline_with_the_old_tolerance() {
        let mut baseline = baseline();
        baseline.accept("poll", "a poll", 70_000);
        assert!(baseline.compare("poll", 72_000).1);
        assert!(!baseline.compare("poll", 73_000).1);
        baseline.accept("upload", "a MiB", 7);
        assert!(baseline.compare("upload", 7).1);
    }

    #[test]
    fn hint_names_the_tools_and_the_command() {
        let hint = baseline().hint();
        assert!(hint.contains("rustc 1.0"), "{hint}");
        assert!(hint.contains("cargo xtask instructions --write"), "{hint}");
    }

    #[test]
    fn baseline_in_the_repository_is_valid() {
        let baseline = Baseline::read().unwrap();
        assert!(!baseline.counts.is_empty());
        assert!(baseline.counts.values().all(|count| count.instructions > 0));
        assert!(
            baseline
                .counts
                .values()
                .all(|count| count.tolerance_percent > 0.0)
        );
    }
}
