//! Counts of the simulated machine: tokens, and their time by the pacing law.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use harmonic_engine::sampling::Samplers;
use harmonic_engine::sim::SimMachine;
use harmonic_engine::{Allocation, Batch, CacheOp, Machine, MachineError, Outcome};
use harmonic_types::Bytes;

/// Sums over the machine's steps.
#[derive(Clone, Debug, Default)]
pub struct Meter(Arc<Sums>);

#[derive(Debug, Default)]
struct Sums {
    tokens: AtomicU64,
    nanoseconds: AtomicU64,
}

impl Meter {
    /// Tokens so far, and their time by the pacing law.
    pub fn read(&self) -> (u64, Duration) {
        let read = |sum: &AtomicU64| sum.load(Ordering::Relaxed);
        (read(&self.0.tokens), Duration::from_nanos(read(&self.0.nanoseconds)))
    }
}

/// Simulated machine with a meter.
#[derive(Debug)]
pub struct Metered {
    pub inner: SimMachine,
    pub meter: Meter,
}

impl Machine for Metered {
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
        let outcome = self.inner.run(batch, samplers)?;
        let Sums { tokens, nanoseconds } = &*self.meter.0;
        tokens.fetch_add(outcome.samples.len() as u64, Ordering::Relaxed);
        let pretended = u64::try_from(outcome.simulated_time.as_nanos()).unwrap_or(u64::MAX);
        nanoseconds.fetch_add(pretended, Ordering::Relaxed);
        Ok(outcome)
    }
}
