//! Measurement of idle power.

use std::thread;
use std::time::{Duration, Instant};

use harmonic_types::{EnergyMeter, Joules, MeterError, Watts};

/// Mean power of `meter` during `window`. The caller ensures that nothing runs; counters are
/// updated about every 100 ms, so three digits need a window of some seconds. Blocks the calling
/// thread.
///
/// # Errors
/// If the meter cannot be read.
pub fn mean_power(meter: &dyn EnergyMeter, window: Duration) -> Result<Watts, MeterError> {
    let start = Instant::now();
    let Joules(before) = meter.total()?;
    // A clock too coarse for the window would result in infinite power.
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

    /// The meter's window is within the one in the denominator, so the mean is at most the power.
    #[test]
    fn the_mean_of_a_constant_power_is_at_most_that_power() {
        let meter = SampledMeter::new(Steady, PowerScope::System);
        let Watts(mean) = mean_power(&meter, Duration::ZERO).unwrap();
        assert!(mean > 0.0 && mean <= 25.0, "{mean} W");
    }
}
