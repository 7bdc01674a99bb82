use proptest::prelude::*;

use super::*;

const SECOND: Duration = Duration::from_secs(1);

/// A second on two CPUs of which the measurement uses `own` and all programs `busy`.
fn second(busy_ms: u64, own_ms: u64) -> LoadCounters {
    LoadCounters {
        at: SECOND,
        cpus: 2,
        busy: Some(Duration::from_millis(busy_ms)),
        idle: Some(Duration::from_millis(2000 - busy_ms)),
        stolen: Some(Duration::ZERO),
        own: Some(Duration::from_millis(own_ms)),
        own_has_server: true,
        ..LoadCounters::default()
    }
}

fn disturbance(interval: &LoadCounters) -> Option<String> {
    Disturbance::of(&load_figures(interval).unwrap()).map(|disturbance| disturbance.to_string())
}

#[test]
fn another_program_on_one_of_two_cpus_disturbs() {
    let disturbed = disturbance(&second(1980, 1000));
    assert_eq!(disturbed.as_deref(), Some("other programs used 0.98 of 2 CPUs"));
    assert_eq!(disturbance(&second(1980, 1900)), None, "4%");
    // Also while nothing is measured.
    assert!(disturbance(&second(990, 10)).is_some());
}

#[test]
fn the_own_load_is_never_that_of_others() {
    let figures = load_figures(&second(1900, 1950)).unwrap();
    assert_eq!(figures.others_cpus, Some(0.0), "clocks of different resolution");
    let unknown = LoadCounters { own_has_server: false, ..second(1900, 100) };
    let figures = load_figures(&unknown).unwrap();
    assert_eq!((figures.others_cpus, figures.own_cpus), (None, Some(0.1)));
    assert_eq!(Disturbance::of(&figures), None, "the server may be what uses them");
}

#[test]
fn half_a_cpu_disturbs_many_unless_most_are_idle() {
    let load = LoadFigures {
        cpus: 32,
        others_cpus: Some(0.8),
        idle_cpus: Some(4.0),
        ..LoadFigures::default()
    };
    assert!(Disturbance::of(&load).is_some());
    let on_a_gpu = LoadFigures { idle_cpus: Some(30.0), ..load };
    assert_eq!(Disturbance::of(&on_a_gpu), None);
    let crowd = LoadFigures { others_cpus: Some(5.0), ..on_a_gpu };
    assert!(Disturbance::of(&crowd).is_some());
}

#[test]
fn stolen_time_disturbs_and_the_larger_disturbance_is_named() {
    let stolen = LoadCounters { stolen: Some(Duration::from_millis(500)), ..second(1400, 1400) };
    let named = disturbance(&stolen);
    assert_eq!(named.as_deref(), Some("the hypervisor withheld 0.50 of 2 CPUs"));
    let both = LoadCounters { own: Some(Duration::from_millis(600)), ..stolen };
    assert_eq!(disturbance(&both).as_deref(), Some("other programs used 0.80 of 2 CPUs"));
}

#[test]
fn counters_that_stand_still_are_no_idle_machine() {
    let zeros =
        LoadCounters { busy: Some(Duration::ZERO), idle: Some(Duration::ZERO), ..second(0, 500) };
    let figures = load_figures(&zeros).unwrap();
    assert_eq!((figures.others_cpus, figures.idle_cpus), (None, None));
    assert_eq!(figures.own_cpus, Some(0.5));
    assert_eq!(
        load_figures(&LoadCounters { at: SECOND, cpus: 2, ..LoadCounters::default() }),
        None
    );
    assert_eq!(load_figures(&LoadCounters::default()), None);
}

#[test]
fn what_one_interval_lacks_their_sum_lacks() {
    let lacking = LoadCounters { stalled: None, ..second(1000, 500) };
    let stalled =
        |ms| LoadCounters { stalled: Some(Duration::from_millis(ms)), ..second(1000, 500) };
    let both = load_over([stalled(100), stalled(300)]).unwrap();
    assert_eq!(load_figures(&both).unwrap().stalled_share, Some(0.2));
    let partly = load_over([stalled(100), lacking]).unwrap();
    assert_eq!(load_figures(&partly).unwrap().stalled_share, None);
    assert_eq!(load_over([]), None);
}

proptest! {
    #[test]
    fn figures_are_finite_and_of_this_machine(
        busy in 0u64..4000, own in 0u64..4000, idle in 0u64..4000, at in 0u64..3000, cpus in 0u32..4,
    ) {
        let time = |ms| Some(Duration::from_millis(ms));
        let interval = LoadCounters {
            at: Duration::from_millis(at), cpus, busy: time(busy), idle: time(idle), own: time(own),
            own_has_server: true, ..LoadCounters::default()
        };
        if let Some(figures) = load_figures(&interval) {
            let all = [figures.others_cpus, figures.own_cpus, figures.idle_cpus];
            prop_assert!(all.into_iter().flatten().all(|cpus| cpus.is_finite() && cpus >= 0.0));
        }
    }

    #[test]
    fn an_interval_is_the_sum_of_its_parts(first in 0u64..9000, second in 0u64..9000) {
        let reading = |ms| LoadCounters {
            at: Duration::from_millis(ms), busy: Some(Duration::from_millis(ms)), ..second_of(ms)
        };
        let (a, b, c) = (reading(0), reading(first), reading(first + second));
        let parts = load_over([load_between(&a, &b), load_between(&b, &c)]).unwrap();
        prop_assert_eq!(parts, load_between(&a, &c));
    }
}

fn second_of(ms: u64) -> LoadCounters {
    LoadCounters { waited: Some(Duration::from_millis(ms / 2)), ..LoadCounters::default() }
}
