//! The results: a table for people, JSON for programs.

use std::{fmt::Write as _, path::Path};

use anyhow::{Result, bail};
use comfy_table::{Table, presets::ASCII_MARKDOWN};
use jiff::Zoned;
use serde_json::{Value, json};

use crate::{
    machine::Machine,
    rounds::Plan,
    row::{Row, Side},
    usage::Usage,
};

/// No program may hold more, in any case.
const MOST_MEMORY: u64 = 64 << 20;
/// The programs that this is said of.
const OURS: [&str; 3] = ["aar", "ams", "amc"];

pub(crate) struct Report {
    machine: Machine,
    quick: bool,
    rounds: usize,
    day: String,
    rows: Vec<Row>,
}

impl Report {
    pub(crate) fn new(plan: &Plan) -> Self {
        Self {
            machine: Machine::here(),
            quick: plan.quick,
            rounds: plan.rounds,
            day: Zoned::now().date().to_string(),
            rows: Vec::new(),
        }
    }

    pub(crate) fn add(&mut self, row: Row) {
        self.rows.push(row);
    }

    /// Everything, as Markdown.
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
        for row in &self.rows {
            for (n, side) in row.sides.iter().enumerate() {
                table.add_row(cells(row, n, side));
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
        let most = self.most_memory();
        let _ = writeln!(
            text,
            "The most memory of any of our programs: {} MiB (goal: ≤ 64).",
            most >> 20
        );
        text
    }

    fn most_memory(&self) -> u64 {
        let sides = self.rows.iter().flat_map(|row| &row.sides);
        let usage = sides.flat_map(Side::usage);
        let ours = usage.filter(|usage| OURS.iter().any(|name| usage.process.starts_with(name)));
        ours.map(|usage| usage.peak_memory).max().unwrap_or(0)
    }

    /// Writes it to a file, in the form that its name asks for.
    pub(crate) fn save(&self, path: &Path) -> Result<()> {
        let text = match path.extension().and_then(|extension| extension.to_str()) {
            Some("json") => serde_json::to_string_pretty(&self.json())? + "\n",
            Some("md") => self.table(),
            _ => bail!("{}: the name has to end in .json or .md", path.display()),
        };
        Ok(fs_err::write(path, text)?)
    }

    fn json(&self) -> Value {
        json!({
            "day": self.day,
            "machine": self.machine,
            "quick": self.quick,
            "rounds": self.rounds,
            "most_memory": self.most_memory(),
            "most_memory_goal": MOST_MEMORY,
            "rows": self.rows.iter().map(row).collect::<Vec<_>>(),
        })
    }
}

fn row(row: &Row) -> Value {
    let sides = row.sides.iter().map(|side| {
        json!({
            "name": side.name,
            "median": side.median(),
            "samples": side.samples.iter().map(|sample| sample.value).collect::<Vec<_>>(),
            "ours_times": row.ratio(side),
            "usage": side.usage(),
        })
    });
    let goals = row.goals().into_iter();
    json!({
        "what": row.what,
        "unit": row.unit,
        "sides": sides.collect::<Vec<_>>(),
        "goals": goals.map(|(goal, reached)| json!({"goal": goal, "reached": reached})).collect::<Vec<_>>(),
    })
}

fn cells(row: &Row, n: usize, side: &Side) -> Vec<String> {
    let (least, most) = side.range();
    let ours = n == 0;
    let goals = row
        .goals()
        .into_iter()
        .map(|(goal, reached)| match reached {
            Some(true) => format!("{goal}: yes"),
            Some(false) => format!("{goal}: NO"),
            None => format!("{goal}: not measured"),
        });
    let goals: Vec<_> = goals.collect();
    vec![
        if ours {
            row.what.clone()
        } else {
            String::new()
        },
        side.name.clone(),
        format!("{} {}", shown(side.median()), row.unit.name()),
        format!("{}–{}", shown(least), shown(most)),
        if ours {
            String::new()
        } else {
            format!("{:.2}", row.ratio(side))
        },
        if ours {
            goals.join(", ")
        } else {
            String::new()
        },
        side.usage().iter().map(used).collect::<Vec<_>>().join(", "),
    ]
}

fn used(usage: &Usage) -> String {
    let Usage {
        process,
        cpu_seconds,
        peak_memory,
    } = usage;
    format!("{process} {cpu_seconds:.2} · {}", peak_memory >> 20)
}

/// Three digits say all that there is to say.
fn shown(value: f64) -> String {
    match value {
        value if value >= 100.0 => format!("{value:.0}"),
        value if value >= 10.0 => format!("{value:.1}"),
        value => format!("{value:.2}"),
    }
}
