//! Energy of a run's calls: what the machine took beyond its idle power, by the slots in use.
//!
//! Method: the meter is read whenever a call gets or leaves a slot, and ten times a second
//! meanwhile. The energy between two readings, net of idle, is divided by the time in slots of all
//! requests in flight on the server's engines: those of runs and those of others. A run is charged
//! for its own requests; the rest is nobody's.
//!
//! Invariants: what all runs are charged adds up to at most the energy of that time net of idle;
//! what waits for a slot takes nothing; without a meter there is no figure, instead of zero.
//!
//! Does not do: tell a prefill from a decode, which take a slot each; tell what other programs take
//! beyond the idle power, which is charged to the requests in flight.

mod account;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use harmonic_types::{EnergyMeter, Watts};
use tokio::time::Instant;
use tokio_util::task::TaskTracker;

use self::account::{Account, Reading};

/// Time between two readings while a call is in a slot: as often as the slowest meters are updated
/// (docs/sources.md#rate-of-power-readings).
const PERIOD: Duration = Duration::from_millis(100);

/// Energy of the calls of all runs on one meter.
pub struct RunEnergy {
    meter: Arc<dyn EnergyMeter>,
    /// Requests in flight on the engines that the meter covers, those of runs included.
    in_flight: Box<dyn Fn() -> u32 + Send + Sync>,
    state: Mutex<State>,
    /// The task that reads the meter from time to time.
    tasks: TaskTracker,
}

#[derive(Debug)]
struct State {
    account: Account,
    /// Whether a task reads the meter from time to time.
    is_sampled: bool,
}

impl RunEnergy {
    /// Energy on `meter`, beyond the power `idle`, of requests on engines where `in_flight` are.
    pub fn new(
        meter: Arc<dyn EnergyMeter>,
        idle: Watts,
        in_flight: impl Fn() -> u32 + Send + Sync + 'static,
    ) -> Self {
        let state = State { account: Account::new(idle), is_sampled: false };
        let (state, tasks) = (Mutex::new(state), TaskTracker::new());
        Self { meter, in_flight: Box::new(in_flight), state, tasks }
    }

    /// Opens the account of a call that has got its slot.
    pub(crate) async fn open(self: &Arc<Self>) -> EnergyShare {
        let reading = self.read().await;
        let mut state = self.state();
        // It may be in flight already, but has taken nothing yet.
        state.account.observe(reading.with_own(1), false);
        let id = state.account.open();
        if !std::mem::replace(&mut state.is_sampled, true) {
            self.tasks.spawn(sample(Arc::downgrade(self)));
        }
        EnergyShare { energy: Arc::clone(self), id }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn read(&self) -> Reading {
        let meter = Arc::clone(&self.meter);
        let read = tokio::task::spawn_blocking(move || (meter.total().ok(), Instant::now())).await;
        // An error is a meter that panicked, or a runtime that ends.
        let (total, at) = read.unwrap_or_else(|_| (None, Instant::now()));
        Reading { total, at, in_flight: (self.in_flight)(), own: 0 }
    }
}

impl std::fmt::Debug for RunEnergy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RunEnergy").field("state", &self.state).finish_non_exhaustive()
    }
}

/// Reads the meter from time to time while a call is open.
async fn sample(energy: std::sync::Weak<RunEnergy>) {
    loop {
        tokio::time::sleep(PERIOD).await;
        let Some(energy) = energy.upgrade() else { return };
        let reading = energy.read().await;
        let mut state = energy.state();
        if state.account.is_empty() {
            state.is_sampled = false;
            return;
        }
        state.account.observe(reading, false);
    }
}

/// Account of one call.
#[derive(Debug)]
pub(crate) struct EnergyShare {
    energy: Arc<RunEnergy>,
    id: u64,
}

impl EnergyShare {
    /// Sets whether the call has a slot.
    pub(crate) async fn set_in_slot(&self, is_in_slot: bool) {
        let reading = self.energy.read().await;
        let mut state = self.energy.state();
        state.account.observe(reading, false);
        state.account.set_in_slot(self.id, is_in_slot);
    }

    /// Closes the account: what the call took, in millijoules; `None` where the meter failed.
    pub(crate) async fn end(self) -> Option<u64> {
        let reading = self.energy.read().await;
        let mut state = self.energy.state();
        state.account.observe(reading, true);
        let joules = state.account.close(self.id)?;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates")]
        let millijoules = (joules.max(0.0) * 1000.0).round() as u64;
        Some(millijoules)
    }
}

impl Drop for EnergyShare {
    fn drop(&mut self) {
        self.energy.state().account.close(self.id);
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
mod tests;
