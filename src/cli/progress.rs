//! How far long work has come: a bar on standard error, where a person looks, and nothing elsewhere.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::terminal::Terminal;

pub(super) struct Progress(ProgressBar);

impl Progress {
    /// Of so many things, with their name in the plural.
    pub(super) fn of(total: u64, noun: &'static str, terminal: &Terminal<'_>) -> Self {
        if !terminal.interactive {
            return Self(ProgressBar::hidden());
        }
        let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr());
        let form = "{msg} {pos}/{len} {wide_bar} {per_sec}, {eta} left";
        bar.set_style(ProgressStyle::with_template(form).unwrap_or_else(|_| ProgressStyle::default_bar()));
        bar.set_message(noun);
        bar.enable_steady_tick(Duration::from_millis(200));
        Self(bar)
    }

    pub(super) fn forward(&self, by: u64) {
        self.0.inc(by);
    }

    /// Says something beside the bar.
    pub(super) fn note(&self, text: &str, terminal: &mut Terminal<'_>) {
        self.0.suspend(|| terminal.note(text));
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
