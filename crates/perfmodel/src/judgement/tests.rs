use harmonic_types::Trend;
use proptest::prelude::*;

use super::*;

/// Level of three windows with an interval of ±2%, on an idle machine.
fn level(parallel: u32, tok_s: f64) -> LevelResult {
    LevelResult {
        parallel,
        trials: 3,
        requests: 30,
        tok_s: Some(Interval {
            mean: tok_s,
            ci95_low: Some(tok_s * 0.98),
            ci95_high: Some(tok_s * 1.02),
        }),
        load: Some(load(0.02)),
        ..LevelResult::default()
    }
}

/// Load of two CPUs of which other programs use `others`.
fn load(others: f64) -> LoadFigures {
    LoadFigures { cpus: 2, others_cpus: Some(others), ..LoadFigures::default() }
}

fn ladder() -> Vec<LevelResult> {
    vec![level(1, 100.0), level(4, 300.0), level(8, 400.0)]
}

fn judged(levels: &[LevelResult]) -> Verdict {
    judge(levels, &Conditions { requested: &[1, 4, 8], ..Conditions::default() })
}

fn messages(verdict: &Verdict) -> Vec<&str> {
    verdict.caveats.iter().map(|caveat| caveat.message.as_str()).collect()
}

#[test]
fn a_whole_ladder_on_an_idle_machine_has_a_verdict_without_caveats() {
    let verdict = judged(&ladder());
    assert_eq!(messages(&verdict), [""; 0]);
    assert_eq!(verdict.sweet_spot.as_ref().unwrap().parallel, 8);
    assert_eq!(verdict.trend, Some(Trend::Rising));
    assert_eq!(verdict, unqualified(&ladder(), None));
}

#[test]
fn a_busy_machine_yields_no_conclusion() {
    let mut levels = ladder();
    levels[0].load = Some(load(0.4));
    levels[1].load = Some(load(0.98));
    let verdict = judged(&levels);
    assert_eq!(
        messages(&verdict),
        ["the machine was busy: other programs used 0.98 of 2 CPUs at 4x"]
    );
    assert_eq!(Verdict { caveats: Vec::new(), ..verdict }, Verdict::default());
}

#[test]
fn the_load_before_counts_only_where_the_levels_do_not_show_theirs() {
    let before = Conditions { before: Some(load(1.0)), ..Conditions::default() };
    assert_eq!(judge(&ladder(), &before).caveats, [], "the other program had ended by then");
    let mut levels = ladder();
    levels[2].load = Some(LoadFigures { others_cpus: None, ..load(0.0) });
    let message = "the machine was busy: other programs used 1.00 of 2 CPUs before the run";
    assert_eq!(messages(&judge(&levels, &before)), [message]);
    levels[2].load = None;
    assert_eq!(messages(&judge(&levels, &before)), [message]);
}

#[test]
fn an_interrupted_ladder_has_a_peak_and_neither_sweet_spot_nor_trend() {
    let verdict = judged(&ladder()[..2]);
    assert_eq!(messages(&verdict), ["no figures at 8x"]);
    assert_eq!(verdict.peak.unwrap().parallel, 4);
    assert_eq!((verdict.sweet_spot, verdict.trend), (None, None));
    let mut not_steady = ladder();
    not_steady[2] = LevelResult { parallel: 8, ..LevelResult::default() };
    assert_eq!(judged(&not_steady).sweet_spot, None);
}

#[test]
fn a_level_that_failed_leaves_no_trend() {
    for tok_s in [ladder()[2].tok_s, None] {
        let mut levels = ladder();
        levels[2] = LevelResult { failures: 3, tok_s, ..levels[2].clone() };
        let verdict = judged(&levels);
        assert_eq!(messages(&verdict), ["requests failed at 8x"]);
        assert_eq!((verdict.sweet_spot, verdict.trend, verdict.cliff), (None, None, None));
    }
}

#[test]
fn one_level_is_no_sweet_spot() {
    let requested = Conditions { requested: &[4], ..Conditions::default() };
    let verdict = judge(&[level(4, 300.0)], &requested);
    assert_eq!(messages(&verdict), ["only 4x was measured"]);
    assert_eq!((verdict.sweet_spot, verdict.peak.unwrap().parallel), (None, 4));
    // A forced curve still needs one.
    assert_eq!(unqualified(&[level(4, 300.0)], None).sweet_spot.unwrap().parallel, 4);
}

#[test]
fn wide_and_absent_intervals_are_caveats_that_withhold_nothing() {
    let mut levels = ladder();
    levels[0].tok_s = Some(Interval { mean: 100.0, ci95_low: Some(57.0), ci95_high: Some(143.0) });
    levels[1].tok_s = Some(Interval { mean: 300.0, ci95_low: None, ci95_high: None });
    let verdict = judged(&levels);
    assert_eq!(messages(&verdict), ["intervals wider than ±20%: 1x (±43%)", "no interval at 4x"]);
    assert!(verdict.sweet_spot.is_some());
    assert_eq!(verdict.withheld_for(), None);
}

#[test]
fn arrivals_have_caveats_and_no_verdict() {
    let arrivals = |rate| LevelResult { rate: Some(rate), failures: 1, ..level(2, 90.0) };
    let verdict = judge(&[arrivals(0.5), arrivals(2.0)], &Conditions::default());
    assert_eq!(messages(&verdict), ["requests failed at 0.5/s, 2/s"]);
    assert_eq!(verdict.peak, None);
}

fn any_level() -> impl Strategy<Value = LevelResult> {
    let figures = (1u32..64, 1.0f64..900.0, proptest::option::of(0.0f64..0.5));
    (figures, 0u64..2, proptest::option::of(0.0f64..1.0), any::<bool>()).prop_map(
        |((parallel, mean, width), failures, others, has_rate)| {
            let tok_s = Interval {
                mean,
                ci95_low: width.map(|width| mean * (1.0 - width)),
                ci95_high: width.map(|width| mean * (1.0 + width)),
            };
            let load = others.map(load);
            let tok_s = has_rate.then_some(tok_s);
            LevelResult { failures, load, tok_s, ..level(parallel, 1.0) }
        },
    )
}

proptest! {
    /// Whatever was measured: a sweet spot stands only beside two levels or more, all of them with
    /// figures, without failures and on an idle machine, and a rise only between intervals.
    #[test]
    fn no_conclusion_stands_beside_what_speaks_against_it(
        mut levels in proptest::collection::vec(any_level(), 0..6),
        requested in proptest::collection::vec(1u32..64, 0..6),
    ) {
        levels.sort_by_key(|level| level.parallel);
        levels.dedup_by_key(|level| level.parallel);
        let verdict = judge(&levels, &Conditions { requested: &requested, ..Conditions::default() });
        let is_sound = |level: &LevelResult| {
            level.failures == 0 && level.tok_s.is_some()
                && level.load.is_none_or(|load| Disturbance::of(&load).is_none())
        };
        let has_all = requested.iter().all(|n| levels.iter().any(|level| level.parallel == *n));
        if verdict.sweet_spot.is_some() {
            prop_assert!(levels.len() > 1 && levels.iter().all(is_sound) && has_all);
            prop_assert_eq!(verdict.withheld_for(), None);
        } else if levels.iter().any(|level| level.tok_s.is_some()) {
            prop_assert!(verdict.withheld_for().is_some());
        }
        if verdict.trend == Some(Trend::Rising) {
            let [.., before, last] = &levels[..] else { panic!("{levels:?}") };
            prop_assert!(before.tok_s.unwrap().ci95_high < last.tok_s.unwrap().ci95_low);
        }
    }
}
