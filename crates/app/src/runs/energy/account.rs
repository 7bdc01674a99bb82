//! Division of a meter's energy among the calls that are in slots.
//!
//! Invariant: an interval is divided by time in slots once the meter has moved, so a meter that
//! counts in steps charges nobody for the step of another interval.

use std::collections::BTreeMap;

use harmonic_types::{Joules, Watts};
use tokio::time::Instant;

/// A reading of the meter, and what was in flight then.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reading {
    /// Total of the meter; `None` where it could not be read.
    pub(super) total: Option<Joules>,
    pub(super) at: Instant,
    /// Requests in flight, those of runs included.
    pub(super) in_flight: u32,
    /// Calls of runs among them whose accounts are about to be opened.
    pub(super) own: u32,
}

impl Reading {
    pub(super) fn with_own(self, own: u32) -> Self {
        Self { own, ..self }
    }
}

/// Account of all open calls.
#[derive(Debug)]
pub(super) struct Account {
    idle: Watts,
    next: u64,
    calls: BTreeMap<u64, Call>,
    /// Total and time of the last reading whose energy was divided.
    divided: Option<(Joules, Instant)>,
    /// Time of the last reading, and the requests of others that were in flight.
    last: Option<(Instant, u32)>,
    /// Seconds in slots since `divided`, of all requests.
    slot_seconds: f64,
}

#[derive(Debug)]
struct Call {
    is_in_slot: bool,
    /// Seconds in its slot since the last division.
    slot_seconds: f64,
    joules: f64,
    /// Whether a reading failed since it was opened.
    is_unknown: bool,
}

impl Account {
    pub(super) fn new(idle: Watts) -> Self {
        Self { idle, next: 0, calls: BTreeMap::new(), divided: None, last: None, slot_seconds: 0.0 }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.calls.is_empty()
    }

    /// Opens the account of a call that has a slot from now on.
    pub(super) fn open(&mut self) -> u64 {
        self.next += 1;
        let call = Call { is_in_slot: true, slot_seconds: 0.0, joules: 0.0, is_unknown: false };
        self.calls.insert(self.next, call);
        self.next
    }

    pub(super) fn set_in_slot(&mut self, id: u64, is_in_slot: bool) {
        if let Some(call) = self.calls.get_mut(&id) {
            call.is_in_slot = is_in_slot;
        }
    }

    /// Closes an account: its joules; `None` where it is not open, or a reading failed.
    pub(super) fn close(&mut self, id: u64) -> Option<f64> {
        let call = self.calls.remove(&id)?;
        if self.calls.is_empty() {
            (self.divided, self.last, self.slot_seconds) = (None, None, 0.0);
        }
        (!call.is_unknown).then_some(call.joules)
    }

    /// Takes a reading. What was used since the last division is divided if the meter has moved, or
    /// if `must_divide`.
    pub(super) fn observe(&mut self, reading: Reading, must_divide: bool) {
        let Reading { total, at, in_flight, own } = reading;
        if self.last.is_some_and(|(last, _)| at < last) {
            // Another one was taken meanwhile.
            return;
        }
        let in_slots = self.calls.values().filter(|call| call.is_in_slot).count();
        let in_slots = u32::try_from(in_slots).unwrap_or(u32::MAX);
        let others = in_flight.saturating_sub(in_slots.saturating_add(own));
        if let Some((since, before)) = self.last.replace((at, others)) {
            let seconds = at.saturating_duration_since(since).as_secs_f64();
            let others = f64::midpoint(f64::from(before), f64::from(others));
            self.slot_seconds += seconds * (f64::from(in_slots) + others);
            for call in self.calls.values_mut().filter(|call| call.is_in_slot) {
                call.slot_seconds += seconds;
            }
        }
        let Some(total) = total else {
            self.divided = None;
            self.calls.values_mut().for_each(|call| call.is_unknown = true);
            return self.begin_interval();
        };
        match self.divided {
            Some((before, _)) if total == before && !must_divide => {}
            Some((before, since)) => {
                let seconds = at.saturating_duration_since(since).as_secs_f64();
                self.divide(total.0 - before.0 - self.idle.0 * seconds);
                self.divided = Some((total, at));
                self.begin_interval();
            }
            None => {
                self.divided = Some((total, at));
                self.begin_interval();
            }
        }
    }

    fn divide(&mut self, net: f64) {
        if self.slot_seconds > 0.0 {
            for call in self.calls.values_mut() {
                call.joules += net * call.slot_seconds / self.slot_seconds;
            }
        }
    }

    fn begin_interval(&mut self) {
        self.slot_seconds = 0.0;
        self.calls.values_mut().for_each(|call| call.slot_seconds = 0.0);
    }
}
