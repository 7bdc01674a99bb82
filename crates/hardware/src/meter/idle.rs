//! Power over a while in which nothing runs, to be kept apart from the power of work.

use std::thread;
use std::time::{Duration, Instant};

use harmonic_types::{EnergyMeter, Joules, MeterError, Watts};

/// Mean power that `meter` sees during `window`. The caller sees to it that nothing runs; counters
/// renew about every 100 ms, so a window of some seconds is needed for three digits. Blocks the
/// thread that calls.
///
/// # Errors
/// When the meter cannot be read.
pub fn mean_power(meter: &dyn EnergyMeter, window: Duration) -> Result<Watts, MeterError> {
    let start = Instant::now();
    let Joules(before) = meter.total()?;
    // A clock too coarse to see the window would make a power of infinity.
    thread::sleep(window.max(Duration::from_millis(1)));
    let Joules(after) = meter.total()?;
    Ok(Watts((after - before) / start.elapsed().as_secs_f64()))
}

#[cfg(test)]
mod tests {
    use harmonic_types::PowerScope;

    use super::*;
    use crate::meter::sampled::{PowerProbe, SampledMeter};

    struct Steady;

    impl PowerProbe for Steady {
        fn watts(&self) -> Result<Watts, MeterError> {
            Ok(Watts(25.0))
        }
    }

    /// The meter's window lies within the one that is divided by, so the mean is at most the power.
    #[test]
    fn a_steady_power_is_its_own_mean_at_most() {
        let meter = SampledMeter::new(Steady, PowerScope::System);
        let Watts(mean) = mean_power(&meter, Duration::ZERO).unwrap();
        assert!(mean > 0.0 && mean <= 25.0, "{mean} W");
    }
}
