use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

const WITH_TOTAL: &str =
    "{msg} [{bar:30}] {binary_bytes}/{binary_total_bytes} {binary_bytes_per_sec} {eta}";
const WITHOUT_TOTAL: &str = "{msg} {spinner} {binary_bytes} {binary_bytes_per_sec}";
const WORKING: &str = "{msg} {spinner} {elapsed}";

/// How often a bar redraws itself while nothing moves.
const TICK: Duration = Duration::from_millis(200);

/// A bar that shows how far a transfer is. Clones draw the same bar; it goes away with the last.
#[derive(Debug, Clone)]
pub struct Progress(ProgressBar);

impl Progress {
    pub(crate) fn new(label: &str, total: Option<u64>, target: ProgressDrawTarget) -> Self {
        let bar = ProgressBar::with_draw_target(total, target).with_message(label.to_owned());
        let progress = Self(bar);
        progress.draw_as(if total.is_some() {
            WITH_TOTAL
        } else {
            WITHOUT_TOTAL
        });
        if !progress.0.is_hidden() {
            progress.0.enable_steady_tick(TICK);
        }
        progress
    }

    fn draw_as(&self, template: &str) {
        if let Ok(style) = ProgressStyle::with_template(template) {
            self.0
                .set_style(style.progress_chars("=> ").tick_chars("-\\|/ "));
        }
    }

    /// Goes over to something of which nobody knows how long it takes.
    pub fn working(&self, label: &str) {
        self.draw_as(WORKING);
        self.set_label(label);
    }

    /// Sets how many bytes there are in all, once that is known.
    pub fn set_total(&self, bytes: u64) {
        self.0.set_length(bytes);
    }

    /// Sets what is being done.
    pub fn set_label(&self, label: &str) {
        self.0.set_message(label.to_owned());
    }

    /// Sets how many bytes have been moved.
    pub fn advance_to(&self, bytes: u64) {
        self.0.set_position(bytes);
    }

    /// Counts further bytes.
    pub fn advance_by(&self, bytes: u64) {
        self.0.inc(bytes);
    }

    /// How many bytes have been moved.
    pub fn position(&self) -> u64 {
        self.0.position()
    }

    /// Takes the bar away.
    pub fn finish(&self) {
        self.0.finish_and_clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_template_is_well_formed() {
        for template in [WITH_TOTAL, WITHOUT_TOTAL, WORKING] {
            assert!(ProgressStyle::with_template(template).is_ok(), "{template}");
        }
    }

    #[test]
    fn clones_count_together() {
        let progress = Progress::new("upload", Some(10), ProgressDrawTarget::hidden());
        let other = progress.clone();
        progress.advance_to(4);
        other.advance_by(3);
        assert_eq!(progress.position(), 7);
    }
}
