//! Ageing: waiting promotes a request, so that none starves.

use std::time::Duration;

use harmonic_types::{RequestClass, Tier};

use crate::tick::Tick;

/// Admissions of other requests that promote a queued request by one tier. Ageing by time alone
/// would bound the waiting time, but not the number of requests admitted before it.
const AGEING_ADMISSIONS: u64 = 64;

/// Tiers by which a background request starts below its own: it has waited a minute, with the
/// ageing of the engines, when it counts as an interactive one. More than the four tiers, so that
/// it does not pass a fresh request of the lowest tier before.
const BACKGROUND_TIERS: u8 = 6;

/// Waiting time of a request, and the admissions of others meanwhile.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Waiting {
    /// Start of the wait: the offer. A background request has it moved by the times in which it
    /// ran.
    pub(crate) since: Tick,
    /// [`crate::Admission`]'s count of admissions at that time.
    pub(crate) after: u64,
}

/// Promotion of what waits, at one moment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ageing {
    pub(crate) now: Tick,
    /// Waiting time that promotes by one tier.
    pub(crate) period: Duration,
    /// Number of admissions so far.
    pub(crate) admitted: u64,
}

impl Ageing {
    /// Tier number of a request, promoted by its waiting time and by the admissions of others.
    pub(crate) fn aged(&self, tier: Tier, class: RequestClass, waiting: Waiting) -> i128 {
        start(tier, class).saturating_sub(self.promotions(waiting))
    }

    /// Tier number of a running request, promoted by the time since its offer.
    pub(crate) fn rank(&self, tier: Tier, class: RequestClass, waiting: Waiting) -> i128 {
        start(tier, class).saturating_sub(self.periods(waiting))
    }

    /// Class that a request counts as: background until waiting has made up for it.
    pub(crate) fn class(&self, class: RequestClass, waiting: Waiting) -> RequestClass {
        if self.promotions(waiting) < i128::from(lowered(class)) {
            class
        } else {
            RequestClass::Interactive
        }
    }

    /// The beginning of a wait, or of a run.
    pub(crate) fn starts(&self) -> Waiting {
        Waiting { since: self.now, after: self.admitted }
    }

    /// `waiting` without what passed since `begun`, when the request began to run.
    pub(crate) fn without_run(&self, waiting: Waiting, begun: Waiting) -> Waiting {
        Waiting {
            since: waiting.since + self.now.since(begun.since),
            after: waiting.after + self.admitted.saturating_sub(begun.after),
        }
    }

    /// Tiers by which `waiting` promotes.
    fn promotions(&self, waiting: Waiting) -> i128 {
        let passed = self.admitted.saturating_sub(waiting.after) / AGEING_ADMISSIONS;
        self.periods(waiting).saturating_add(passed.into())
    }

    fn periods(&self, waiting: Waiting) -> i128 {
        let passed = self.now.since(waiting.since).as_nanos();
        let periods = passed.checked_div(self.period.as_nanos()).unwrap_or(0);
        i128::try_from(periods).unwrap_or(i128::MAX)
    }
}

/// Tier number that a request starts with.
fn start(tier: Tier, class: RequestClass) -> i128 {
    i128::from(tier.number() + lowered(class))
}

/// Tiers by which a request of `class` starts below its own.
fn lowered(class: RequestClass) -> u8 {
    match class {
        RequestClass::Interactive => 0,
        RequestClass::Background => BACKGROUND_TIERS,
    }
}
