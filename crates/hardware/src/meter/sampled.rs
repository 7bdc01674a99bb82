//! An energy meter from power readings: a thread samples, the trapezoidal rule integrates.
//!
//! Invariants: the total never decreases during the meter's lifetime; each total includes a reading
//! taken at the call, so the edges of a window are exact; a failed reading is a gap that the next
//! [`total`](EnergyMeter::total) reports, not zero energy. The thread starts with the first total
//! and ends with the meter.

use std::fmt;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use harmonic_types::{EnergyMeter, EnergyMethod, Joules, MeterError, PowerScope, Watts};

/// Samples per second. NVML and the SMU update their figures about every 100 ms, so twice that rate
/// misses none (`docs/sources.md#rate-of-power-readings`).
const HZ: u32 = 20;

/// A source of power readings.
pub trait PowerProbe: Send + Sync {
    /// The present power.
    ///
    /// # Errors
    /// If the interface fails or returns an implausible figure.
    fn watts(&self) -> Result<Watts, MeterError>;
}

/// An energy meter by integration of power.
pub struct SampledMeter {
    scope: PowerScope,
    shared: Arc<Shared>,
    sampler: OnceLock<Option<JoinHandle<()>>>,
}

impl fmt::Debug for SampledMeter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SampledMeter").field("scope", &self.scope).finish_non_exhaustive()
    }
}

struct Shared {
    probe: Box<dyn PowerProbe>,
    integral: Mutex<Integral>,
    wake: Condvar,
}

/// ∫ power over time so far.
#[derive(Debug, Default)]
struct Integral {
    last: Option<(Instant, f64)>,
    joules: f64,
    /// A gap that has not been reported yet.
    gap: Option<MeterError>,
    stopped: bool,
}

impl Integral {
    /// Adds a reading taken at `at`.
    fn add(&mut self, at: Instant, reading: Result<Watts, MeterError>) {
        match reading {
            Ok(Watts(now)) => {
                if let Some((then, before)) = self.last {
                    let seconds = at.saturating_duration_since(then).as_secs_f64();
                    self.joules += f64::midpoint(before, now) * seconds;
                }
                self.last = Some((at, now));
            }
            Err(error) => {
                self.last = None;
                self.gap = Some(error);
            }
        }
    }

    fn sample(&mut self, probe: &dyn PowerProbe) {
        let reading = probe.watts();
        self.add(Instant::now(), reading);
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Integral> {
        // The readings remain valid after a panic of another thread.
        self.integral.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self) {
        let period = Duration::from_secs(1) / HZ;
        let mut integral = self.lock();
        while !integral.stopped {
            integral.sample(self.probe.as_ref());
            let waited = self.wake.wait_timeout(integral, period);
            (integral, _) = waited.unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl SampledMeter {
    /// A meter of `probe`, which covers `scope`.
    pub fn new(probe: impl PowerProbe + 'static, scope: PowerScope) -> Self {
        Self {
            scope,
            shared: Arc::new(Shared {
                probe: Box::new(probe),
                integral: Mutex::default(),
                wake: Condvar::new(),
            }),
            sampler: OnceLock::new(),
        }
    }

    fn start(&self) -> Result<(), MeterError> {
        let sampler = self.sampler.get_or_init(|| {
            let shared = Arc::clone(&self.shared);
            thread::Builder::new().name("power".to_owned()).spawn(move || shared.run()).ok()
        });
        if sampler.is_some() {
            return Ok(());
        }
        Err(MeterError {
            meter: "sampled power".to_owned(),
            reason: "cannot start a thread: raise this user's limit (`ulimit -u`)".to_owned(),
        })
    }
}

impl EnergyMeter for SampledMeter {
    fn scope(&self) -> PowerScope {
        self.scope
    }

    fn method(&self) -> EnergyMethod {
        EnergyMethod::Sampled { hz: f64::from(HZ) }
    }

    fn total(&self) -> Result<Joules, MeterError> {
        self.start()?;
        let mut integral = self.shared.lock();
        integral.sample(self.shared.probe.as_ref());
        integral.gap.take().map_or(Ok(Joules(integral.joules)), Err)
    }
}

impl Drop for SampledMeter {
    fn drop(&mut self) {
        self.shared.lock().stopped = true;
        self.shared.wake.notify_all();
        if let Some(Some(sampler)) = self.sampler.take() {
            // A panic of the sampler was in a probe and has been reported on its thread.
            let _ = sampler.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

    use proptest::prelude::*;

    use super::*;

    fn failure() -> MeterError {
        MeterError { meter: "probe".to_owned(), reason: "gone".to_owned() }
    }

    /// A probe of 7 W that signals each reading.
    struct SignallingProbe(SyncSender<()>);

    impl PowerProbe for SignallingProbe {
        fn watts(&self) -> Result<Watts, MeterError> {
            let _ = self.0.try_send(());
            Ok(Watts(7.0))
        }
    }

    fn signalling() -> (SampledMeter, Receiver<()>) {
        let (sender, readings) = sync_channel(1);
        (SampledMeter::new(SignallingProbe(sender), PowerScope::System), readings)
    }

    #[test]
    fn sampling_starts_with_the_first_total_and_ends_with_the_meter() {
        let (meter, readings) = signalling();
        assert!(readings.try_recv().is_err());
        let first = meter.total().unwrap();
        for _ in 0..5 {
            readings.recv().unwrap();
        }
        assert!(meter.total().unwrap() >= first);
        drop(meter);
        while readings.try_recv().is_ok() {}
        assert!(readings.recv().is_err(), "the sampler ended and dropped its probe");
    }

    struct Broken;

    impl PowerProbe for Broken {
        fn watts(&self) -> Result<Watts, MeterError> {
            Err(failure())
        }
    }

    #[test]
    fn a_failed_reading_is_an_error_and_not_zero() {
        let meter = SampledMeter::new(Broken, PowerScope::GpuBoard);
        assert_eq!(meter.total().unwrap_err(), failure());
        assert_eq!(meter.method(), EnergyMethod::Sampled { hz: 20.0 });
    }

    #[test]
    fn a_gap_adds_no_energy() {
        let start = Instant::now();
        let mut integral = Integral::default();
        let reading = [Ok(Watts(10.0)), Ok(Watts(30.0)), Err(failure()), Ok(Watts(30.0))];
        for (second, reading) in (0..).zip(reading) {
            integral.add(start + Duration::from_secs(second), reading);
        }
        assert!((integral.joules - 20.0).abs() < 1e-9, "{}", integral.joules);
        assert!(integral.gap.is_some());
    }

    proptest! {
        #[test]
        fn constant_power_is_power_times_time(
            watts in 0.0_f64..500.0,
            steps in proptest::collection::vec(0_u64..10_000, 1..50),
        ) {
            let start = Instant::now();
            let mut integral = Integral::default();
            let mut at = Duration::ZERO;
            let mut last = 0.0;
            integral.add(start, Ok(Watts(watts)));
            for step in steps {
                at += Duration::from_millis(step);
                integral.add(start + at, Ok(Watts(watts)));
                prop_assert!(integral.joules >= last);
                last = integral.joules;
            }
            prop_assert!((last - watts * at.as_secs_f64()).abs() < 1e-6);
        }
    }
}
