//! Simulated machine that a test can hold between steps, to fill a queue deterministically.

use std::sync::{Arc, Condvar, Mutex};

use harmonic_engine::sampling::Samplers;
use harmonic_engine::sim::SimMachine;
use harmonic_engine::{Allocation, Batch, CacheOp, Machine, MachineError, Outcome};
use harmonic_types::Bytes;

/// Gate before each step, shared by the test and the machine.
#[derive(Clone, Debug, Default)]
pub struct Gate(Arc<(Mutex<State>, Condvar)>);

#[derive(Debug, Default)]
struct State {
    closed: bool,
    /// Steps that may still run while it is closed.
    permits: u32,
    /// Whether a machine waits at the gate.
    waiting: bool,
}

impl State {
    fn is_shut(&self) -> bool {
        self.closed && self.permits == 0
    }
}

impl Gate {
    /// Holds the machine at the next step.
    pub fn close(&self) {
        self.change(|state| state.closed = true);
    }

    /// Lets so many more steps run while the gate is closed.
    pub fn let_pass(&self, steps: u32) {
        self.change(|state| (state.permits, state.waiting) = (steps, false));
    }

    /// Lets all steps run.
    pub fn open(&self) {
        self.change(|state| state.closed = false);
    }

    /// Blocks until the machine waits at the gate.
    pub fn wait_until_reached(&self) {
        let (state, changed) = &*self.0;
        let state = state.lock().expect("no test panicked with it");
        drop(changed.wait_while(state, |state| !state.waiting).expect("nor a machine"));
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        let (state, changed) = &*self.0;
        change(&mut state.lock().expect("no test panicked with it"));
        changed.notify_all();
    }

    fn pass(&self) {
        self.change(|state| state.waiting = state.is_shut());
        let (state, changed) = &*self.0;
        let state = state.lock().expect("no test panicked with it");
        let mut state = changed.wait_while(state, |state| state.is_shut()).expect("nor a machine");
        state.waiting = false;
        state.permits = state.permits.saturating_sub(1);
    }
}

/// Simulated machine behind a gate.
#[derive(Debug)]
pub struct Gated {
    pub inner: SimMachine,
    pub gate: Gate,
}

impl Machine for Gated {
    fn allocation(&self) -> Allocation {
        self.inner.allocation()
    }

    fn supports_partial_removal(&self) -> bool {
        self.inner.supports_partial_removal()
    }

    fn cache(&mut self, op: &CacheOp) -> Result<Bytes, MachineError> {
        self.inner.cache(op)
    }

    fn run(&mut self, batch: &Batch, samplers: &mut Samplers) -> Result<Outcome, MachineError> {
        self.gate.pass();
        self.inner.run(batch, samplers)
    }
}
