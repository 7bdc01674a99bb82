//! Time of a run that is watched.

use std::time::{Duration, Instant};

use harmonic_app::run_view::RunView;
use harmonic_types::RunState;

/// Clock of one run: what the server says that it has spent, and while it runs what has passed since
/// that was heard.
#[derive(Debug, Default)]
pub(crate) struct WatchClock {
    /// Time spent, and when it was heard.
    heard: Option<(Duration, Instant)>,
}

impl WatchClock {
    /// Time of the run in `view` at `now`, in whole seconds.
    pub(crate) fn time(&mut self, view: &RunView, now: Instant) -> Duration {
        let spent = view.spent().time();
        let since = match self.heard {
            Some((before, since)) if before == spent => since,
            _ => now,
        };
        self.heard = Some((spent, since));
        let runs = view.state() == Some(&RunState::Running);
        let passed = if runs { now.saturating_duration_since(since) } else { Duration::ZERO };
        Duration::from_secs((spent + passed).as_secs())
    }
}

#[cfg(test)]
mod tests {
    use harmonic_api::RunNews;
    use harmonic_api::runs::RunSnapshot;
    use harmonic_types::{RunBudget, RunId, RunRecord, RunSpent};

    use super::*;

    fn view(state: RunState, time_ms: u64) -> RunView {
        let record = RunRecord {
            schema: RunRecord::SCHEMA.to_owned(),
            id: RunId("run_01JABCDEFGHJKMNPQRSTVWXYZ0".to_owned()),
            goal: "count".to_owned(),
            origin: "solo".to_owned(),
            started_ms: 0,
            state,
            graph: None,
            tasks: Vec::new(),
            answer: None,
            budget: RunBudget::default(),
            spent: RunSpent { time_ms, ..RunSpent::default() },
            parent: None,
            children: Vec::new(),
        };
        let snapshot = RunSnapshot { id: 0, record, approvals: Vec::new(), open: Vec::new() };
        let mut view = RunView::default();
        view.apply(&RunNews::Snapshot(Box::new(snapshot)));
        view
    }

    #[test]
    fn only_a_run_that_runs_gets_older() {
        let (from, later) = (Instant::now(), Duration::from_secs(4));
        for (state, expected) in
            [(RunState::Running, 12), (RunState::WaitingForApproval, 8), (RunState::Done, 8)]
        {
            let (view, mut clock) = (view(state, 8_300), WatchClock::default());
            assert_eq!(clock.time(&view, from), Duration::from_secs(8));
            assert_eq!(clock.time(&view, from + later), Duration::from_secs(expected));
        }
    }

    #[test]
    fn what_the_server_says_counts_from_when_it_is_heard() {
        let (from, mut clock) = (Instant::now(), WatchClock::default());
        let later = from + Duration::from_secs(10);
        clock.time(&view(RunState::Running, 0), from);
        assert_eq!(clock.time(&view(RunState::Running, 9_000), later), Duration::from_secs(9));
    }
}
