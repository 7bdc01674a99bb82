//! Charges of calls against recorded meters.

use std::sync::atomic::{AtomicU32, Ordering};

use harmonic_types::{EnergyMethod, Joules, MeterError, PowerScope};
use proptest::prelude::*;

use super::*;

/// A meter with a recorded power, in watts, of each tenth of a second; it is updated as often.
struct Recorded {
    began: Instant,
    watts: Vec<f64>,
    /// Whether it counts in steps, or continuously.
    has_steps: bool,
    /// Whether it cannot be read.
    fails: std::sync::atomic::AtomicBool,
}

impl Recorded {
    fn new(watts: Vec<f64>, has_steps: bool) -> Arc<Self> {
        Arc::new(Self { began: Instant::now(), watts, has_steps, fails: false.into() })
    }

    /// Energy until `at`.
    fn integral(&self, at: Instant) -> f64 {
        let mut left = at.saturating_duration_since(self.began).as_secs_f64();
        let mut joules = 0.0;
        for watts in &self.watts {
            if left < 0.1 && self.has_steps {
                break;
            }
            joules += watts * left.min(0.1);
            left = (left - 0.1).max(0.0);
        }
        joules
    }
}

impl EnergyMeter for Recorded {
    fn scope(&self) -> PowerScope {
        PowerScope::System
    }

    fn method(&self) -> EnergyMethod {
        EnergyMethod::Counter
    }

    fn total(&self) -> Result<Joules, MeterError> {
        if self.fails.load(Ordering::Relaxed) {
            let (meter, reason) = ("recorded".to_owned(), "gone".to_owned());
            return Err(MeterError { meter, reason });
        }
        Ok(Joules(self.integral(Instant::now())))
    }
}

const IDLE: f64 = 10.0;

/// Power that is never below idle, and changes all the time.
fn recording(tenths: usize) -> Vec<f64> {
    (0..tenths).map(|at| IDLE + (at * 7919 % 90) as f64).collect()
}

fn energy(meter: &Arc<Recorded>, in_flight: &Arc<AtomicU32>) -> Arc<RunEnergy> {
    let in_flight = Arc::clone(in_flight);
    let load = move || in_flight.load(Ordering::Relaxed);
    Arc::new(RunEnergy::new(Arc::clone(meter) as _, Watts(IDLE), load))
}

async fn pass(milliseconds: u64) {
    tokio::time::sleep(Duration::from_millis(milliseconds)).await;
}

fn assert_within_a_hundredth(charged: f64, expected: f64) {
    assert!((charged - expected).abs() * 100.0 <= expected, "{charged} J instead of {expected} J");
}

fn joules(millijoules: Option<u64>) -> f64 {
    millijoules.expect("the meter can be read") as f64 / 1000.0
}

#[tokio::test(start_paused = true)]
async fn a_call_alone_is_charged_the_integral_of_a_recorded_meter_net_of_idle() {
    for has_steps in [false, true] {
        let meter = Recorded::new(recording(700), has_steps);
        let in_flight = Arc::new(AtomicU32::new(0));
        let energy = energy(&meter, &in_flight);
        pass(3_217).await;
        in_flight.store(1, Ordering::Relaxed);
        let share = energy.open().await;
        let since = Instant::now();
        pass(60_050).await;
        let net = meter.integral(Instant::now()) - meter.integral(since) - 60.05 * IDLE;
        assert_within_a_hundredth(joules(share.end().await), net);
    }
}

#[tokio::test(start_paused = true)]
async fn two_runs_and_foreign_requests_divide_the_integral_by_their_slots() {
    let meter = Recorded::new(recording(700), true);
    let in_flight = Arc::new(AtomicU32::new(2));
    let energy = energy(&meter, &in_flight);
    let since = Instant::now();
    let first = energy.open().await;
    let second = energy.open().await;
    pass(20_000).await;
    // Two foreign requests more.
    in_flight.store(4, Ordering::Relaxed);
    pass(20_000).await;
    let (first, second) = (joules(first.end().await), joules(second.end().await));
    let net = |from: Instant, to: Instant| {
        meter.integral(to) - meter.integral(from) - (to - from).as_secs_f64() * IDLE
    };
    let (half, end) = (since + Duration::from_secs(20), since + Duration::from_secs(40));
    assert_within_a_hundredth(first + second, net(since, half) + net(half, end) / 2.0);
    assert!((first - second).abs() < 0.01 * first, "{first} {second}");
}

#[tokio::test(start_paused = true)]
async fn what_lost_its_slot_takes_nothing_until_it_has_one_again() {
    let meter = Recorded::new(vec![IDLE + 50.0; 400], false);
    let in_flight = Arc::new(AtomicU32::new(1));
    let energy = energy(&meter, &in_flight);
    let share = energy.open().await;
    pass(5_000).await;
    share.set_in_slot(false).await;
    pass(10_000).await;
    share.set_in_slot(true).await;
    pass(5_000).await;
    assert_within_a_hundredth(joules(share.end().await), 500.0);
}

#[tokio::test(start_paused = true)]
async fn a_meter_that_fails_gives_no_figure_instead_of_zero() {
    let meter = Recorded::new(vec![IDLE + 1.0; 400], false);
    let in_flight = Arc::new(AtomicU32::new(1));
    let energy = energy(&meter, &in_flight);
    let share = energy.open().await;
    meter.fails.store(true, Ordering::Relaxed);
    pass(500).await;
    meter.fails.store(false, Ordering::Relaxed);
    assert_eq!(share.end().await, None);
    let share = energy.open().await;
    pass(1_000).await;
    assert_within_a_hundredth(joules(share.end().await), 1.0);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Calls come and go at random among foreign requests.
    #[test]
    fn all_charges_add_up_to_the_integral_at_most(
        steps in prop::collection::vec((1_u64..900, 0_u8..3, 0_u32..5), 1..40),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .start_paused(true)
            .build()
            .unwrap();
        let (charged, net) = runtime.block_on(async {
            let meter = Recorded::new(recording(400), false);
            let in_flight = Arc::new(AtomicU32::new(0));
            let energy = energy(&meter, &in_flight);
            let since = Instant::now();
            let (mut open, mut charged) = (Vec::new(), 0.0);
            for (milliseconds, step, foreign) in steps {
                match step {
                    0 => open.push(energy.open().await),
                    1 => if let Some(share) = open.pop() {
                        charged += joules(share.end().await);
                    },
                    _ => {}
                }
                in_flight.store(u32::try_from(open.len()).unwrap() + foreign, Ordering::Relaxed);
                pass(milliseconds).await;
            }
            for share in open {
                charged += joules(share.end().await);
            }
            let now = Instant::now();
            let net = meter.integral(now) - (now - since).as_secs_f64() * IDLE;
            (charged, net)
        });
        prop_assert!(charged <= net + 0.1, "{charged} J of {net} J");
    }
}
