//! A meter made of power readings: a thread samples, the trapezoid rule sums.
//!
//! Invariants: the total never decreases while the meter lives; it ends with a reading taken when
//! it is asked for, so a window's edges are exact; a reading that failed is a gap that the next
//! [`total`](EnergyMeter::total) reports, not zero energy. The thread starts with the first total
//! and ends with the meter.

use std::fmt;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use harmonic_types::{EnergyMeter, EnergyMethod, Joules, MeterError, PowerScope, Watts};

/// Samples per second. NVML and the SMU renew their figures about every 100 ms, so twice that misses
/// none (`docs/sources.md#rate-of-power-readings`).
const HZ: u32 = 20;

/// Reads a power.
pub trait PowerProbe: Send + Sync {
    /// The power that is drawn now.
    ///
    /// # Errors
    /// When the interface refuses or says what no machine draws.
    fn watts(&self) -> Result<Watts, MeterError>;
}

/// Energy by integration of power.
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
    /// A gap that nobody was told of yet.
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
        // A thread that panicked left readings that are still true.
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
    /// A meter that reads `probe`, which covers `scope`.
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
            reason: "no thread could be started: raise this user's limit (`ulimit -u`)".to_owned(),
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
            // A panic in a probe was the sampler's own; there is nobody to tell.
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

    /// Says 7 W and tells that it was asked.
    struct Asked(SyncSender<()>);

    impl PowerProbe for Asked {
        fn watts(&self) -> Result<Watts, MeterError> {
            let _ = self.0.try_send(());
            Ok(Watts(7.0))
        }
    }

    fn asked() -> (SampledMeter, Receiver<()>) {
        let (told, asked) = sync_channel(1);
        (SampledMeter::new(Asked(told), PowerScope::System), asked)
    }

    #[test]
    fn a_meter_that_nobody_reads_asks_nothing_and_one_that_is_read_goes_on() {
        let (meter, asked) = asked();
        assert!(asked.try_recv().is_err());
        let first = meter.total().unwrap();
        for _ in 0..5 {
            asked.recv().unwrap();
        }
        assert!(meter.total().unwrap() >= first);
        drop(meter);
        while asked.try_recv().is_ok() {}
        assert!(asked.recv().is_err(), "the sampler ended and dropped its probe");
    }

    struct Broken;

    impl PowerProbe for Broken {
        fn watts(&self) -> Result<Watts, MeterError> {
            Err(failure())
        }
    }

    #[test]
    fn a_reading_that_fails_is_an_error_and_not_zero() {
        let meter = SampledMeter::new(Broken, PowerScope::GpuBoard);
        assert_eq!(meter.total().unwrap_err(), failure());
        assert_eq!(meter.method(), EnergyMethod::Sampled { hz: 20.0 });
    }

    #[test]
    fn a_gap_holds_no_energy() {
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
