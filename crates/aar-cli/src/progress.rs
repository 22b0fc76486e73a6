use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

const WITH_TOTAL: &str =
    "{msg} [{bar:30}] {binary_bytes}/{binary_total_bytes} {binary_bytes_per_sec} {eta}";
const WITHOUT_TOTAL: &str = "{msg} {spinner} {binary_bytes} {binary_bytes_per_sec}";
const SPINNER: &str = "{msg} {spinner} {elapsed}";

/// How often an idle bar is redrawn.
const TICK: Duration = Duration::from_millis(200);

/// A progress bar. Clones share one bar, which disappears with the last of them.
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

    /// Switches to a spinner for work of unknown length.
    pub fn spin(&self, label: &str) {
        self.draw_as(SPINNER);
        self.set_label(label);
    }

    pub fn set_total(&self, bytes: u64) {
        self.0.set_length(bytes);
    }

    pub fn set_label(&self, label: &str) {
        self.0.set_message(label.to_owned());
    }

    /// Sets the number of bytes transferred.
    pub fn advance_to(&self, bytes: u64) {
        self.0.set_position(bytes);
    }

    pub fn advance_by(&self, bytes: u64) {
        self.0.inc(bytes);
    }

    /// The number of bytes transferred.
    pub fn position(&self) -> u64 {
        self.0.position()
    }

    /// Removes the bar from the screen.
    pub fn finish(&self) {
        self.0.finish_and_clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_templates_are_valid() {
        for template in [WITH_TOTAL, WITHOUT_TOTAL, SPINNER] {
            assert!(ProgressStyle::with_template(template).is_ok(), "{template}");
        }
    }

    #[test]
    fn progress_clones_share_one_position() {
        let progress = Progress::new("upload", Some(10), ProgressDrawTarget::hidden());
        let other = progress.clone();
        progress.advance_to(4);
        other.advance_by(3);
        assert_eq!(progress.position(), 7);
    }
}
