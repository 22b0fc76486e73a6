//! What a round leaves behind: on the board, and in the log where it is news.

use jiff::SignedDuration;

use crate::{
    AgentStatus, Failure, Outcome, RoundReport, assignment::Assignment, board::Board,
    round::Finished,
};

/// Puts down how a round went. `skew` is how far the registry's clock is ahead, where that matters.
pub(crate) fn conclude(
    board: &Board,
    assignment: &Assignment,
    finished: Finished,
    skew: Option<SignedDuration>,
) {
    let before = board.read().last_round;
    log(&finished.report, before.as_ref());
    board.write(|status| {
        status.running = false;
        status.clock_skew_seconds = skew.map(|ahead| ahead.as_secs());
        show(status, assignment, finished);
    });
}

fn show(status: &mut AgentStatus, assignment: &Assignment, finished: Finished) {
    let report = &finished.report;
    match (finished.applications, &assignment.only) {
        // By what was known before, as nothing could be asked.
        (Some(all), None) if report.outcome == Outcome::Failed => status.applications = all,
        (Some(all), None) => {
            status.held.clone_from(&report.held);
            status.conflicts.clone_from(&report.conflicts);
            status.applications = all;
        }
        (Some(one), Some(only)) => {
            status.conflicts.retain(|known| known.application() != only);
            status.conflicts.extend(report.conflicts.iter().cloned());
            status.applications.retain(|known| known.name != *only);
            status.applications.extend(one);
            status.applications.sort_by(|a, b| a.name.cmp(&b.name));
        }
        (None, _) => {}
    }
    status.totals.add(report);
    status.last_round = Some(finished.report);
}

fn log(report: &RoundReport, before: Option<&RoundReport>) {
    if let Some(error) = &report.error
        && report.outcome != Outcome::Cancelled
        && before.is_none_or(|before| before.error != report.error)
    {
        tracing::warn!(%error, "a round with the registry failed");
    }
    for failure in &report.failures {
        if before.is_none_or(|before| !before.failures.contains(failure)) {
            warn(failure);
        }
    }
    if let Some(held) = &report.held
        && before.is_none_or(|before| before.held != report.held)
    {
        tracing::warn!("{held}");
    }
    tracing::debug!(outcome = ?report.outcome, counts = ?report.counts, "a round has ended");
}

fn warn(failure: &Failure) {
    let Failure {
        application,
        version,
        error,
    } = failure;
    let version = version.map(tracing::field::display);
    tracing::warn!(%application, version, %error, "an application is not in step");
}
