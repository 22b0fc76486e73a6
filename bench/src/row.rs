//! A line of the table: one thing that is measured, on every side.

use serde::Serialize;

use crate::{sample::Sample, usage::Usage};

/// What a figure is, and which is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) enum Unit {
    /// Megabytes in a second.
    #[serde(rename = "MB/s")]
    Megabytes,
    /// Requests in a second.
    #[serde(rename = "/s")]
    PerSecond,
    /// Milliseconds.
    #[serde(rename = "ms")]
    Milliseconds,
    /// KiB.
    #[serde(rename = "KiB")]
    Kibibytes,
}

impl Unit {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Megabytes => "MB/s",
            Self::PerSecond => "/s",
            Self::Milliseconds => "ms",
            Self::Kibibytes => "KiB",
        }
    }
}

/// What is to be reached.
#[derive(Debug, Clone, Serialize)]
pub(crate) enum Goal {
    /// At least so many times the figure of a peer.
    Times(&'static str, f64),
    /// At most this.
    AtMost(f64),
}

/// One who takes part.
#[derive(Debug, Clone)]
pub(crate) struct Side {
    pub(crate) name: String,
    pub(crate) samples: Vec<Sample>,
}

impl Side {
    pub(crate) fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            samples: Vec::new(),
        }
    }

    fn values(&self) -> Vec<f64> {
        self.samples.iter().map(|sample| sample.value).collect()
    }

    pub(crate) fn median(&self) -> f64 {
        median(self.values())
    }

    pub(crate) fn range(&self) -> (f64, f64) {
        let values = self.values();
        let least = values.iter().copied().fold(f64::INFINITY, f64::min);
        let most = values.iter().copied().fold(0.0, f64::max);
        (least, most)
    }

    /// What each process used: the median of its CPU time, the peak of its memory.
    pub(crate) fn usage(&self) -> Vec<Usage> {
        let Some(first) = self.samples.first() else {
            return Vec::new();
        };
        let each = (0..first.usage.len()).map(|n| {
            let of = |sample: &Sample| sample.usage[n].clone();
            let all: Vec<_> = self.samples.iter().map(of).collect();
            Usage {
                process: all[0].process.clone(),
                cpu_seconds: median(all.iter().map(|usage| usage.cpu_seconds).collect()),
                peak_memory: all.iter().map(|usage| usage.peak_memory).max().unwrap_or(0),
            }
        });
        each.collect()
    }
}

/// A line of the table.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    /// What is measured.
    pub(crate) what: String,
    pub(crate) unit: Unit,
    pub(crate) goals: Vec<Goal>,
    /// Ours first.
    pub(crate) sides: Vec<Side>,
}

impl Row {
    pub(crate) fn new(what: impl Into<String>, unit: Unit, goals: Vec<Goal>) -> Self {
        Self {
            what: what.into(),
            unit,
            goals,
            sides: Vec::new(),
        }
    }

    /// A row of which only our own side is measured, by samples that are there already.
    pub(crate) fn ours(mut self, samples: Vec<Sample>) -> Self {
        let mut side = Side::new("aar");
        side.samples = samples;
        self.sides = vec![side];
        self
    }

    /// How our figure stands to that of a side, round by round: drifts of the machine cancel out.
    pub(crate) fn ratio(&self, side: &Side) -> f64 {
        let pairs = self.sides[0].samples.iter().zip(&side.samples);
        median(
            pairs
                .map(|(ours, theirs)| ours.value / theirs.value)
                .collect(),
        )
    }

    /// Every goal in words, with whether it is reached; `None` where the peer is missing.
    pub(crate) fn goals(&self) -> Vec<(String, Option<bool>)> {
        self.goals.iter().map(|goal| self.judge(goal)).collect()
    }

    fn judge(&self, goal: &Goal) -> (String, Option<bool>) {
        match goal {
            Goal::Times(peer, least) => {
                let side = self.sides.iter().find(|side| side.name == *peer);
                let reached = side.map(|side| self.ratio(side) >= *least);
                (format!("≥ {least} × {peer}"), reached)
            }
            Goal::AtMost(most) => {
                let reached = self.sides[0].median() <= *most;
                (format!("≤ {most} {}", self.unit.name()), Some(reached))
            }
        }
    }

    /// The row in one line.
    pub(crate) fn line(&self) -> String {
        let sides = self.sides.iter().map(|side| {
            let (least, most) = side.range();
            let median = side.median();
            format!("{} {median:.1} ({least:.1}–{most:.1})", side.name)
        });
        let sides: Vec<_> = sides.collect();
        format!("{}: {} {}", self.what, sides.join(", "), self.unit.name())
    }
}

pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    match values.len() {
        0 => f64::NAN,
        n if n % 2 == 1 => values[n / 2],
        n => f64::midpoint(values[n / 2 - 1], values[n / 2]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn side(name: &str, values: &[f64]) -> Side {
        let sample = |value: &f64| Sample {
            value: *value,
            ..Sample::default()
        };
        Side {
            name: name.to_owned(),
            samples: values.iter().map(sample).collect(),
        }
    }

    #[test]
    fn ratios_are_taken_round_by_round() {
        let goals = vec![Goal::Times("peer", 1.5), Goal::Times("gone", 1.0)];
        let mut row = Row::new("a", Unit::PerSecond, goals);
        row.sides = vec![
            side("aar", &[10.0, 20.0, 40.0]),
            side("peer", &[5.0, 10.0, 10.0]),
        ];
        assert!((row.ratio(&row.sides[1]) - 2.0).abs() < 1e-9);
        let reached: Vec<_> = row
            .goals()
            .into_iter()
            .map(|(_, reached)| reached)
            .collect();
        assert_eq!(reached, [Some(true), None]);
        assert!((row.sides[0].median() - 20.0).abs() < 1e-9);
    }
}
