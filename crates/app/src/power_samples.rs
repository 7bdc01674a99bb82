//! Power samples of the machine, published once per second.
//!
//! Invariants: the meter is read only while there are listeners; it covers the device that the
//! engines of this build compute on; without a meter no sample is published, instead of zero.

use std::sync::Arc;
use std::time::{Duration, Instant};

use harmonic_events::{EventStream, PowerSample, TeamEvent};
use harmonic_hardware::{Sysroot, energy_meter_for};
use harmonic_types::{EnergyMeter, Joules, Watts};
use tokio::time::{MissedTickBehavior, interval};

use crate::inspect::ENGINE_DEVICE;

/// Interval of the readings. Meters of graphics cards are updated about every 100 ms.
const PERIOD: Duration = Duration::from_secs(1);

/// Publishes samples to `events` while the meter can be read.
pub(crate) async fn publish(events: EventStream) {
    let opened =
        tokio::task::spawn_blocking(|| energy_meter_for(&Sysroot::default(), ENGINE_DEVICE));
    // `detect` and `doctor` report a missing or unreadable meter.
    let Ok(Ok(Some(meter))) = opened.await else { return };
    sample(Arc::from(meter), events).await;
}

async fn sample(meter: Arc<dyn EnergyMeter>, events: EventStream) {
    let mut ticks = interval(PERIOD);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut before: Option<Reading> = None;
    loop {
        ticks.tick().await;
        if events.listeners() == 0 {
            before = None;
            continue;
        }
        let reader = Arc::clone(&meter);
        let read = tokio::task::spawn_blocking(move || reader.total()).await;
        let now = match read {
            Ok(Ok(total)) => Reading { total, at: Instant::now() },
            Ok(Err(error)) => {
                tracing::warn!(%error, "the energy meter failed: no further power samples");
                return;
            }
            Err(_) => return,
        };
        if let Some(before) = before.replace(now)
            && let Some((watts, window)) = now.since(before)
        {
            events.publish(TeamEvent::Power(PowerSample {
                scope: meter.scope(),
                method: meter.method(),
                watts,
                window_ms: u64::try_from(window.as_millis()).unwrap_or(u64::MAX),
            }));
        }
    }
}

/// Meter reading with its time.
#[derive(Clone, Copy)]
struct Reading {
    total: Joules,
    at: Instant,
}

impl Reading {
    /// Mean power since `before`, and the time since then; `None` where that is zero.
    fn since(self, before: Self) -> Option<(Watts, Duration)> {
        let window = self.at.duration_since(before.at);
        let seconds = window.as_secs_f64();
        (seconds > 0.0).then(|| (Watts((self.total.0 - before.total.0) / seconds), window))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use harmonic_events::Delivery;
    use harmonic_types::{EnergyMethod, MeterError, PowerScope};
    use tokio::task::JoinSet;

    use super::*;

    /// Meter that counts ten joules per reading.
    #[derive(Default)]
    struct Counting(AtomicU64);

    impl EnergyMeter for Counting {
        fn scope(&self) -> PowerScope {
            PowerScope::CpuPackage
        }

        fn method(&self) -> EnergyMethod {
            EnergyMethod::Counter
        }

        fn total(&self) -> Result<Joules, MeterError> {
            let readings = self.0.fetch_add(1, Ordering::Relaxed);
            Ok(Joules(readings as f64 * 10.0))
        }
    }

    #[tokio::test]
    async fn power_is_sampled_only_while_there_are_listeners() {
        let (events, meter) = (EventStream::default(), Arc::new(Counting::default()));
        let mut sampling = JoinSet::new();
        sampling.spawn(sample(Arc::clone(&meter) as _, events.clone()));
        tokio::time::sleep(PERIOD + PERIOD / 2).await;
        assert_eq!(meter.0.load(Ordering::Relaxed), 0, "no listeners");
        let mut listener = events.listen(None).unwrap();
        let sample = loop {
            match listener.next().await.unwrap() {
                Delivery::Events(records) => break records[0].event.clone(),
                Delivery::Snapshot(_) | Delivery::Lost(..) => {}
            }
        };
        let TeamEvent::Power(sample) = sample else { panic!("{sample:?}") };
        assert_eq!(sample.scope, PowerScope::CpuPackage);
        let joules = sample.watts.0 * sample.window_ms as f64 / 1000.0;
        assert!((joules - 10.0).abs() < 0.5, "{sample:?}");
    }
}
