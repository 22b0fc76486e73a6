//! The result of one measurement for every contender.

use serde::Serialize;

use crate::{sample::Sample, usage::Usage};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) enum Unit {
    #[serde(rename = "MB/s")]
    Megabytes,
    /// Requests per second.
    #[serde(rename = "/s")]
    PerSecond,
    #[serde(rename = "ms")]
    Milliseconds,
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

#[derive(Debug, Clone, Serialize)]
pub(crate) enum Goal {
    /// At least this multiple of the value of a peer.
    Times(&'static str, f64),
    AtMost(f64),
}

/// The samples of one contender.
#[derive(Debug, Clone)]
pub(crate) struct Series {
    pub(crate) name: String,
    pub(crate) samples: Vec<Sample>,
}

impl Series {
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
        let min = values.iter().copied().fold(f64::INFINITY, f64::min);
        let max = values.iter().copied().fold(0.0, f64::max);
        (min, max)
    }

    /// For each process, the median of its CPU time and the peak of its memory.
    pub(crate) fn usage(&self) -> Vec<Usage> {
        let Some(first) = self.samples.first() else {
            return Vec::new();
        };
        let processes = (0..first.usage.len()).map(|n| {
            let usage = |sample: &Sample| sample.usage[n].clone();
            let all: Vec<_> = self.samples.iter().map(usage).collect();
            Usage {
                process: all[0].process.clone(),
                cpu_seconds: median(all.iter().map(|usage| usage.cpu_seconds).collect()),
                peak_memory: all.iter().map(|usage| usage.peak_memory).max().unwrap_or(0),
            }
        });
        processes.collect()
    }
}

/// A row of the table.
#[derive(Debug, Clone)]
pub(crate) struct Comparison {
    pub(crate) title: String,
    pub(crate) unit: Unit,
    pub(crate) goals: Vec<Goal>,
    /// `aar` comes first.
    pub(crate) series: Vec<Series>,
}

impl Comparison {
    pub(crate) fn new(title: impl Into<String>, unit: Unit, goals: Vec<Goal>) -> Self {
        Self {
            title: title.into(),
            unit,
            goals,
            series: Vec::new(),
        }
    }

    /// Sets the samples of a case without peers.
    pub(crate) fn with_samples(mut self, samples: Vec<Sample>) -> Self {
        let mut series = Series::new("aar");
        series.samples = samples;
        self.series = vec![series];
        self
    }

    /// The median of the ratios of each round, in which drifts of the machine cancel out.
    pub(crate) fn ratio(&self, other: &Series) -> f64 {
        let pairs = self.series[0].samples.iter().zip(&other.samples);
        median(pairs.map(|(aar, other)| aar.value / other.value).collect())
    }

    /// Every goal as text, and whether it is reached; `None` if the peer is not installed.
    pub(crate) fn goals(&self) -> Vec<(String, Option<bool>)> {
        self.goals.iter().map(|goal| self.check(goal)).collect()
    }

    fn check(&self, goal: &Goal) -> (String, Option<bool>) {
        match goal {
            Goal::Times(peer, min) => {
                let series = self.series.iter().find(|series| series.name == *peer);
                let reached = series.map(|series| self.ratio(series) >= *min);
                (format!("≥ {min} × {peer}"), reached)
            }
            Goal::AtMost(max) => {
                let reached = self.series[0].median() <= *max;
                (format!("≤ {max} {}", self.unit.name()), Some(reached))
            }
        }
    }

    pub(crate) fn line(&self) -> String {
        let series = self.series.iter().map(|series| {
            let (min, max) = series.range();
            let median = series.median();
            format!("{} {median:.1} ({min:.1}–{max:.1})", series.name)
        });
        let series: Vec<_> = series.collect();
        format!("{}: {} {}", self.title, series.join(", "), self.unit.name())
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

    fn series(name: &str, values: &[f64]) -> Series {
        let sample = |value: &f64| Sample {
            value: *value,
            ..Sample::default()
        };
        Series {
            name: name.to_owned(),
            samples: values.iter().map(sample).collect(),
        }
    }

    #[test]
    fn ratio_is_the_median_of_the_ratios_of_each_round() {
        let goals = vec![Goal::Times("peer", 1.5), Goal::Times("gone", 1.0)];
        let mut comparison = Comparison::new("a", Unit::PerSecond, goals);
        comparison.series = vec![
            series("aar", &[10.0, 20.0, 40.0]),
            series("peer", &[5.0, 10.0, 10.0]),
        ];
        assert!((comparison.ratio(&comparison.series[1]) - 2.0).abs() < 1e-9);
        let reached: Vec<_> = comparison
            .goals()
            .into_iter()
            .map(|(_, reached)| reached)
            .collect();
        assert_eq!(reached, [Some(true), None]);
        assert!((comparison.series[0].median() - 20.0).abs() < 1e-9);
    }
}
