use std::{
    collections::BTreeMap,
    fmt::{Display, Write},
};

use crate::histogram::Histogram;

/// Measurements in the text format of Prometheus.
#[derive(Debug)]
pub(super) struct Text {
    written: String,
    /// Labels that every sample carries, written out.
    common: String,
}

impl Text {
    /// Nothing yet; every sample will carry the given labels.
    pub(super) fn new(labels: &BTreeMap<String, String>) -> Self {
        let labels = labels.iter().map(|(name, value)| label(name, value));
        Self {
            written: String::new(),
            common: labels.collect::<Vec<_>>().join(","),
        }
    }

    /// All of it.
    pub(super) fn finish(self) -> String {
        self.written
    }

    /// Says what the samples that follow are.
    pub(super) fn describe(&mut self, name: &str, help: &str, kind: &str) {
        let _ = write!(self.written, "# HELP {name} {help}\n# TYPE {name} {kind}\n");
    }

    /// One sample.
    pub(super) fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: impl Display) {
        let own = labels.iter().map(|(name, value)| label(name, value));
        let common = (!self.common.is_empty()).then(|| self.common.clone());
        let labels = common.into_iter().chain(own).collect::<Vec<_>>().join(",");
        let _ = match &*labels {
            "" => writeln!(self.written, "{name} {value}"),
            _ => writeln!(self.written, "{name}{{{labels}}} {value}"),
        };
    }

    /// A single value that goes up and down.
    pub(super) fn gauge(&mut self, name: &str, help: &str, value: impl Display) {
        self.describe(name, help, "gauge");
        self.sample(name, &[], value);
    }

    /// All samples of a histogram.
    pub(super) fn histogram(&mut self, name: &str, labels: &[(&str, &str)], of: &Histogram) {
        let bucket = format!("{name}_bucket");
        let mut bounded = |bound: &str, count| {
            let labels = [labels, &[("le", bound)]].concat();
            self.sample(&bucket, &labels, count);
        };
        for (bound, count) in of.buckets() {
            bounded(&bound.to_string(), count);
        }
        bounded("+Inf", of.count());
        self.sample(&format!("{name}_sum"), labels, of.sum());
        self.sample(&format!("{name}_count"), labels, of.count());
    }
}

fn label(name: &str, value: &str) -> String {
    let value = value
        .replace('\\', r"\\")
        .replace('"', "\\\"")
        .replace('\n', r"\n");
    format!("{name}=\"{value}\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_carry_the_common_labels_and_escape_what_they_hold() {
        let common = BTreeMap::from([("host".to_owned(), "a\"b".to_owned())]);
        let mut text = Text::new(&common);
        text.gauge("size", "How big it is", 7);
        text.sample("count", &[("kind", "x\\y")], 1);
        assert_eq!(
            text.finish(),
            "# HELP size How big it is\n# TYPE size gauge\nsize{host=\"a\\\"b\"} 7\n\
             count{host=\"a\\\"b\",kind=\"x\\\\y\"} 1\n"
        );
    }

    #[test]
    fn a_histogram_ends_with_the_bucket_that_holds_everything() {
        let mut histogram = Histogram::new(&[1.0]);
        histogram.add(2.5);
        let mut text = Text::new(&BTreeMap::new());
        text.histogram("t", &[], &histogram);
        assert_eq!(
            text.finish(),
            "t_bucket{le=\"1\"} 0\nt_bucket{le=\"+Inf\"} 1\nt_sum 2.5\nt_count 1\n"
        );
    }
}
