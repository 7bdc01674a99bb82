//! Energy and sensors, read at the edges of windows in virtual time.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use harmonic_bench::{NullObserver, Telemetry, run};
use harmonic_types::{
    EnergyMeter, EnergyMethod, Joules, MeterError, PowerScope, SensorReading, Sensors,
};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::server::{Server, Shape};
use crate::{codes, config, levels, near};

/// Meter of 10 W when idle, plus 5 W per running sequence, in tokio's time.
struct FakeMeter {
    running: Arc<AtomicU32>,
    state: std::sync::Mutex<(Instant, f64, u32)>,
    broken: bool,
}

impl EnergyMeter for FakeMeter {
    fn scope(&self) -> PowerScope {
        PowerScope::System
    }

    fn method(&self) -> EnergyMethod {
        EnergyMethod::Counter
    }

    fn total(&self) -> Result<Joules, MeterError> {
        if self.broken {
            return Err(MeterError { meter: "meter".into(), reason: "unplugged".into() });
        }
        // The load is constant between two readings, except for the first after a change.
        let mut state = self.state.lock().unwrap();
        let running = self.running.load(Ordering::Relaxed);
        let (before, joules, was) = *state;
        let watts = 10.0 + 5.0 * f64::from(running.min(was));
        *state = (Instant::now(), joules + watts * before.elapsed().as_secs_f64(), running);
        Ok(Joules(state.1))
    }
}

struct Hot(AtomicU32);

impl Sensors for Hot {
    fn read(&self) -> SensorReading {
        let reading = self.0.fetch_add(1, Ordering::Relaxed);
        SensorReading {
            temperature_c: Some(60.0 + f64::from(reading.min(30))),
            clock_mhz: Some(2_000.0),
            throttled: Some(reading > 20),
        }
    }
}

fn telemetry(server: &Server, broken: bool) -> Telemetry {
    let state = std::sync::Mutex::new((Instant::now(), 0.0, 0));
    let meter = FakeMeter { running: server.count(), state, broken };
    let sensors = Some(Arc::new(Hot(AtomicU32::new(0))) as Arc<dyn Sensors>);
    Telemetry { meter: Some(Arc::new(meter)), sensors, load: None }
}

#[tokio::test(start_paused = true)]
async fn watts_are_those_of_the_windows_and_net_is_above_idle() {
    let server = Server::new(Shape::default());
    let telemetry = telemetry(&server, false);
    let stop = CancellationToken::new();
    let run = run(&server, &config(&[4]), &telemetry, &NullObserver, &stop).await.unwrap();
    let level = &levels(&run)[0];
    let power = level.power.unwrap();
    // A window opens when a request ends and before the next is sent: three run then.
    near(power.watts.0, 25.0);
    near(power.idle_watts.unwrap().0, 10.0);
    assert_eq!(power.scope, PowerScope::System);
    let rate = level.tok_s.unwrap().mean;
    near(level.tok_per_w.unwrap().gross, rate / 25.0);
    near(level.tok_per_w.unwrap().net.unwrap(), rate / 15.0);
    assert!(level.windows.iter().all(|window| window.joules.is_some()));
    let sensors = level.sensors.unwrap();
    assert!(sensors.temperature_c.unwrap() > 80.0 && sensors.throttled.unwrap(), "{sensors:?}");
    assert_eq!(codes(&run), ["throttled"]);
}

#[tokio::test(start_paused = true)]
async fn a_meter_that_breaks_leaves_absent_figures_and_not_zero() {
    let server = Server::new(Shape::default());
    let telemetry = Telemetry { sensors: None, ..telemetry(&server, true) };
    let stop = CancellationToken::new();
    let run = run(&server, &config(&[4]), &telemetry, &NullObserver, &stop).await.unwrap();
    let level = &levels(&run)[0];
    assert_eq!((level.power, level.tok_per_w, level.sensors), (None, None, None));
}
