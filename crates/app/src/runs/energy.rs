//! Energy of a run's calls: what the machine took beyond its idle power, shared by tokens.
//!
//! Invariants: the shares of the calls that were open at a time add up to the energy of that time
//! net of idle; without a meter there is no figure, instead of zero.
//!
//! Does not do: subtract what other requests of the same time took. Their tokens are not known
//! here, so a run on a busy team is charged for more than its own.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use harmonic_types::{EnergyMeter, Joules, Watts};
use tokio::time::Instant;

/// Energy of the calls of all runs on one meter.
pub struct RunEnergy {
    meter: Arc<dyn EnergyMeter>,
    idle: Watts,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    next: u64,
    /// The last reading; `None` while no call is open.
    last: Option<(Joules, Instant)>,
    calls: BTreeMap<u64, Open>,
}

/// An open call.
#[derive(Debug, Default)]
struct Open {
    tokens: Arc<AtomicU64>,
    /// Tokens at the last reading.
    counted: u64,
    joules: f64,
    /// Whether a reading failed since it was opened.
    is_unknown: bool,
}

impl RunEnergy {
    /// Energy on `meter`, beyond the power `idle`.
    pub fn new(meter: Arc<dyn EnergyMeter>, idle: Watts) -> Self {
        Self { meter, idle, state: Mutex::default() }
    }

    /// Opens the account of a call.
    pub(crate) async fn open(self: &Arc<Self>) -> EnergyShare {
        let reading = self.read().await;
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.settle(reading, self.idle);
        state.next += 1;
        let id = state.next;
        let tokens = Arc::<AtomicU64>::default();
        let open = Open { tokens: Arc::clone(&tokens), ..Open::default() };
        state.calls.insert(id, open);
        EnergyShare { energy: Arc::clone(self), id, tokens }
    }

    /// The meter's total, `None` where it cannot be read.
    async fn read(&self) -> (Option<Joules>, Instant) {
        let meter = Arc::clone(&self.meter);
        let total = tokio::task::spawn_blocking(move || meter.total().ok()).await;
        (total.ok().flatten(), Instant::now())
    }
}

impl std::fmt::Debug for RunEnergy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RunEnergy").field("idle", &self.idle).finish_non_exhaustive()
    }
}

impl State {
    /// Shares the energy since the last reading among the calls that were open, by the tokens that
    /// they generated meanwhile; equally where none did, as in a prefill.
    fn settle(&mut self, (total, at): (Option<Joules>, Instant), idle: Watts) {
        let before = self.last.take();
        self.last = total.map(|total| (total, at));
        let generated: Vec<u64> = self
            .calls
            .values_mut()
            .map(|call| {
                let tokens = call.tokens.load(Ordering::Relaxed);
                let more = tokens - call.counted;
                call.counted = tokens;
                more
            })
            .collect();
        let (Some((before, since)), Some(total)) = (before, total) else {
            for call in self.calls.values_mut() {
                call.is_unknown = true;
            }
            return;
        };
        let idle = idle.0 * at.saturating_duration_since(since).as_secs_f64();
        let net = (total.0 - before.0 - idle).max(0.0);
        let all: u64 = generated.iter().sum();
        let equal = 1.0 / self.calls.len().max(1) as f64;
        for (call, tokens) in self.calls.values_mut().zip(generated) {
            call.joules += net * if all == 0 { equal } else { tokens as f64 / all as f64 };
        }
    }
}

/// Account of one call.
#[derive(Debug)]
pub(crate) struct EnergyShare {
    energy: Arc<RunEnergy>,
    id: u64,
    tokens: Arc<AtomicU64>,
}

impl EnergyShare {
    /// Counts a token.
    pub(crate) fn token(&self) {
        self.tokens.fetch_add(1, Ordering::Relaxed);
    }

    /// Closes the account: what the call took, in millijoules; `None` where the meter failed.
    pub(crate) async fn end(self) -> Option<u64> {
        let reading = self.energy.read().await;
        let mut state = self.energy.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.settle(reading, self.energy.idle);
        let call = state.calls.remove(&self.id)?;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates")]
        let millijoules = (call.joules * 1000.0).round() as u64;
        (!call.is_unknown).then_some(millijoules)
    }
}

impl Drop for EnergyShare {
    fn drop(&mut self) {
        let mut state = self.energy.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.calls.remove(&self.id);
        if state.calls.is_empty() {
            state.last = None;
        }
    }
}

/// Mean power of `meter` in the first `window` in which `is_idle` holds at both ends; `None` where
/// the meter cannot be read.
pub(crate) async fn idle_power(
    meter: Arc<dyn EnergyMeter>,
    window: Duration,
    is_idle: impl Fn() -> bool,
) -> Option<Watts> {
    let read = || {
        let meter = Arc::clone(&meter);
        async move { tokio::task::spawn_blocking(move || meter.total()).await.ok()?.ok() }
    };
    loop {
        let was_idle = is_idle();
        let (before, since) = (read().await?, Instant::now());
        tokio::time::sleep(window).await;
        let (after, until) = (read().await?, Instant::now());
        let seconds = until.saturating_duration_since(since).as_secs_f64();
        if was_idle && is_idle() && seconds > 0.0 {
            return Some(Watts(((after.0 - before.0) / seconds).max(0.0)));
        }
    }
}

#[cfg(test)]
mod tests {
    use harmonic_types::{EnergyMethod, MeterError, PowerScope};

    use super::*;

    /// A meter whose total the test sets, in joules.
    #[derive(Default)]
    struct Recorded(AtomicU64);

    impl EnergyMeter for Recorded {
        fn scope(&self) -> PowerScope {
            PowerScope::System
        }

        fn method(&self) -> EnergyMethod {
            EnergyMethod::Counter
        }

        fn total(&self) -> Result<Joules, MeterError> {
            match self.0.load(Ordering::Relaxed) {
                u64::MAX => {
                    Err(MeterError { meter: "recorded".to_owned(), reason: "gone".to_owned() })
                }
                total => Ok(Joules(total as f64)),
            }
        }
    }

    /// Seconds pass, and the meter counts `joules`.
    async fn pass(meter: &Recorded, seconds: u64, joules: u64) {
        tokio::time::advance(Duration::from_secs(seconds)).await;
        meter.0.fetch_add(joules, Ordering::Relaxed);
    }

    #[tokio::test(start_paused = true)]
    async fn shares_add_up_to_the_energy_net_of_idle_and_follow_the_tokens() {
        let meter = Arc::new(Recorded::default());
        let energy = Arc::new(RunEnergy::new(Arc::clone(&meter) as _, Watts(10.0)));
        pass(&meter, 100, 5000).await; // No call is open: nobody's.
        let one = energy.open().await;
        pass(&meter, 1, 40).await; // 30 J net, of `one` alone.
        let other = energy.open().await;
        for share in [&one, &one, &one, &other] {
            share.token();
        }
        pass(&meter, 2, 60).await; // 40 J net: 30 and 10.
        let (first, second) = (one.end().await.unwrap(), other.end().await.unwrap());
        let close = |figure: u64, expected: u64| figure.abs_diff(expected) * 100 <= expected;
        assert!(close(first, 60_000) && close(second, 10_000), "{first} {second}");
        assert!(close(first + second, 70_000));
    }

    #[tokio::test(start_paused = true)]
    async fn a_meter_that_fails_gives_no_figure_instead_of_zero() {
        let meter = Arc::new(Recorded::default());
        let energy = Arc::new(RunEnergy::new(Arc::clone(&meter) as _, Watts(0.0)));
        let share = energy.open().await;
        meter.0.store(u64::MAX, Ordering::Relaxed);
        assert_eq!(share.end().await, None);
        meter.0.store(5, Ordering::Relaxed);
        let share = energy.open().await;
        meter.0.store(6, Ordering::Relaxed);
        assert_eq!(share.end().await, Some(1000), "the next one has a figure again");
    }
}
