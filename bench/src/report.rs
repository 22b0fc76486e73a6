//! The results as a table for people and as JSON for programs.

use std::{fmt::Write as _, path::Path};

use anyhow::{Result, bail};
use comfy_table::{Table, presets::ASCII_MARKDOWN};
use jiff::Zoned;
use serde_json::{Value, json};

use crate::{
    machine::Machine,
    plan::Plan,
    result::{Comparison, Series},
    usage::Usage,
};

/// The goal for the peak memory of each program, in bytes.
const MEMORY_GOAL: u64 = 64 << 20;
/// The programs that the goal is for.
const PROGRAMS: [&str; 3] = ["aar", "ams", "amc"];

pub(crate) struct Report {
    machine: Machine,
    quick: bool,
    rounds: usize,
    day: String,
    comparisons: Vec<Comparison>,
}

impl Report {
    pub(crate) fn new(plan: &Plan) -> Self {
        Self {
            machine: Machine::current(),
            quick: plan.quick,
            rounds: plan.rounds,
            day: Zoned::now().date().to_string(),
            comparisons: Vec::new(),
        }
    }

    pub(crate) fn add(&mut self, comparison: Comparison) {
        self.comparisons.push(comparison);
    }

    pub(crate) fn table(&self) -> String {
        let mut table = Table::new();
        table.load_style(ASCII_MARKDOWN);
        table.set_header([
            "case",
            "side",
            "median",
            "min–max",
            "aar ×",
            "goal",
            "CPU s · peak MiB",
        ]);
        for comparison in &self.comparisons {
            for (n, series) in comparison.series.iter().enumerate() {
                table.add_row(cells(comparison, n, series));
            }
        }
        let mut text = String::new();
        let quick = if self.quick {
            ", quick: not for comparison"
        } else {
            ""
        };
        let _ = writeln!(text, "{}, {} rounds{quick}\n", self.day, self.rounds);
        let _ = writeln!(text, "{}\n", self.machine.line());
        let _ = writeln!(text, "{table}\n");
        let peak = self.peak_memory();
        let _ = writeln!(
            text,
            "The peak memory of aar, ams and amc: {} MiB (goal: ≤ 64).",
            peak >> 20
        );
        text
    }

    fn peak_memory(&self) -> u64 {
        let series = self.comparisons.iter().flat_map(|one| &one.series);
        let usage = series.flat_map(Series::usage);
        let programs =
            usage.filter(|usage| PROGRAMS.iter().any(|name| usage.process.starts_with(name)));
        programs.map(|usage| usage.peak_memory).max().unwrap_or(0)
    }

    /// Writes the report to a file; its extension selects the format.
    pub(crate) fn save(&self, path: &Path) -> Result<()> {
        let text = match path.extension().and_then(|extension| extension.to_str()) {
            Some("json") => serde_json::to_string_pretty(&self.json())? + "\n",
            Some("md") => self.table(),
            _ => bail!(
                "cannot save {}: the name must end in .json or .md",
                path.display()
            ),
        };
        Ok(fs_err::write(path, text)?)
    }

    fn json(&self) -> Value {
        json!({
            "day": self.day,
            "machine": self.machine,
            "quick": self.quick,
            "rounds": self.rounds,
            "most_memory": self.peak_memory(),
            "most_memory_goal": MEMORY_GOAL,
            "rows": self.comparisons.iter().map(json_row).collect::<Vec<_>>(),
        })
    }
}

fn json_row(comparison: &Comparison) -> Value {
    let sides = comparison.series.iter().map(|series| {
        json!({
            "name": series.name,
            "median": series.median(),
            "samples": series.samples.iter().map(|sample| sample.value).collect::<Vec<_>>(),
            "ours_times": comparison.ratio(series),
            "usage": series.usage(),
        })
    });
    let goals = comparison.goals().into_iter();
    json!({
        "what": comparison.title,
        "unit": comparison.unit,
        "sides": sides.collect::<Vec<_>>(),
        "goals": goals.map(|(goal, reached)| json!({"goal": goal, "reached": reached})).collect::<Vec<_>>(),
    })
}

fn cells(comparison: &Comparison, n: usize, series: &Series) -> Vec<String> {
    let (min, max) = series.range();
    let is_first = n == 0;
    let goals = comparison
        .goals()
        .into_iter()
        .map(|(goal, reached)| match reached {
            Some(true) => format!("{goal}: yes"),
            Some(false) => format!("{goal}: NO"),
            None => format!("{goal}: not measured"),
        });
    let goals: Vec<_> = goals.collect();
    vec![
        if is_first {
            comparison.title.clone()
        } else {
            String::new()
        },
        series.name.clone(),
        format!(
            "{} {}",
            three_digits(series.median()),
            comparison.unit.name()
        ),
        format!("{}–{}", three_digits(min), three_digits(max)),
        if is_first {
            String::new()
        } else {
            format!("{:.2}", comparison.ratio(series))
        },
        if is_first {
            goals.join(", ")
        } else {
            String::new()
        },
        series
            .usage()
            .iter()
            .map(usage_text)
            .collect::<Vec<_>>()
            .join(", "),
    ]
}

fn usage_text(usage: &Usage) -> String {
    let Usage {
        process,
        cpu_seconds,
        peak_memory,
    } = usage;
    format!("{process} {cpu_seconds:.2} · {}", peak_memory >> 20)
}

fn three_digits(value: f64) -> String {
    match value {
        value if value >= 100.0 => format!("{value:.0}"),
        value if value >= 10.0 => format!("{value:.1}"),
        value => format!("{value:.2}"),
    }
}
