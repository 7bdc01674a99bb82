use harmonic_layout::Width;
use harmonic_types::CurveKey;

use super::*;
use crate::sample;

fn profile(name: &str) -> Subject {
    Subject { name: name.to_owned(), run: sample::published(name) }
}

#[test]
fn the_papers_table_and_its_ratios() {
    let (x2, spark) = (profile("ryzen-ai-max-395"), profile("dgx-spark"));
    let forward = Comparison::of(&[x2.clone(), spark.clone()]);
    insta::assert_snapshot!(text(&forward, Width::UNLIMITED), @r"
    qwen3:4b: output tok/s, ryzen-ai-max-395 over dgx-spark

     Parallelism  ryzen-ai-max-395  dgx-spark  Ratio
    ─────────────────────────────────────────────────
              1x              27.7       21.7  1.28x
              2x              39.1       35.9  1.09x
              4x              54.2       35.2  1.54x
              8x              69.3      119.4  0.58x
             12x             222.6      151.1  1.47x
             16x             163.4      222.9  0.73x
             20x                 –      258.6      –
             24x                 –      266.5      –
             32x                 –      308.2      –

    ryzen-ai-max-395: peak 222.6 tok/s at 12x, sweet spot 12x
    dgx-spark: peak 308.2 tok/s at 32x, sweet spot 16x

    tok/W are not compared: the power scope of ryzen-ai-max-395 is unknown
    ");
    insta::assert_snapshot!(text(&Comparison::of(&[spark, x2]), Width::UNLIMITED), @r"
    qwen3:4b: output tok/s, dgx-spark over ryzen-ai-max-395

     Parallelism  dgx-spark  ryzen-ai-max-395  Ratio
    ─────────────────────────────────────────────────
              1x       21.7              27.7  0.78x
              2x       35.9              39.1  0.92x
              4x       35.2              54.2  0.65x
              8x      119.4              69.3  1.72x
             12x      151.1             222.6  0.68x
             16x      222.9             163.4  1.36x
             20x      258.6                 –      –
             24x      266.5                 –      –
             32x      308.2                 –      –

    dgx-spark: peak 308.2 tok/s at 32x, sweet spot 16x
    ryzen-ai-max-395: peak 222.6 tok/s at 12x, sweet spot 12x

    tok/W are not compared: the power scope of dgx-spark is unknown
    ");
}

#[test]
fn intervals_decide_what_is_told_apart() {
    let same = |name: &str| Subject { name: format!("/runs/{name}"), run: sample::metered() };
    let mut slower = same("slower");
    for level in &mut slower.run.series[0].levels {
        let rate = level.tok_s.unwrap();
        let scaled = |value: f64| value * if level.parallel > 8 { 0.8 } else { 0.99 };
        level.tok_s = Some(Interval {
            mean: scaled(rate.mean),
            ci95_low: rate.ci95_low.map(scaled),
            ci95_high: rate.ci95_high.map(scaled),
        });
    }
    insta::assert_snapshot!(text(&Comparison::of(&[same("now"), slower]), Width::UNLIMITED), @r"
    smollm2:135m: output tok/s, now over slower

     Parallelism          now       slower                 Ratio          now is
    ─────────────────────────────────────────────────────────────────────────────
              1x  141.2 ± 3.4  139.8 ± 3.4  1.01x (0.98 to 1.05)  not told apart
              8x  399.0 ± 9.1  395.0 ± 9.0  1.01x (0.98 to 1.04)  not told apart
             16x   530.4 ± 15   424.3 ± 12  1.25x (1.20 to 1.30)          faster
             32x   581.7 ± 12  465.4 ± 9.4  1.25x (1.21 to 1.29)          faster

    now: peak 581.7 tok/s at 32x, sweet spot 32x
    slower: peak 581.7 tok/s at 32x, sweet spot 32x

     tok/W gross   now  slower
    ───────────────────────────
              1x  0.78    0.78
              8x  2.12    2.12
             16x  2.71    2.71
             32x  2.74    2.74
    ");
}

#[test]
fn any_number_of_subjects_fits_any_terminal() {
    let one = |name: &str| Subject { name: name.to_owned(), run: sample::cliff() };
    for columns in [60, 80, 100] {
        let subjects = ["a", "second-run", "a-run-with-a-long-name", "d"].map(one);
        for count in 2..=subjects.len() {
            let compared = Comparison::of(&subjects[..count]);
            let shown = text(&compared, Width::of_terminal(columns));
            assert!(shown.lines().all(|line| line.chars().count() <= columns), "{shown}");
        }
    }
}

#[test]
fn different_models_stand_side_by_side_without_a_ratio() {
    let own = Subject { name: "runs/mine".to_owned(), run: sample::run() };
    let compared = Comparison::of(&[own, profile("dgx-spark")]);
    insta::assert_snapshot!(text(&compared, Width::of_terminal(80)));
    let mut ratios = compared.models.iter().flat_map(|model| &model.levels);
    assert!(ratios.all(|level| level.ratios.iter().all(Option::is_none)), "{compared:?}");
}

#[test]
fn another_name_of_the_same_file_is_the_same_model() {
    let of = |name: &str, digest: &str| {
        let mut run = sample::run();
        name.clone_into(&mut run.series[0].model);
        let key = sample::published("dgx-spark").series[0].key.clone();
        run.series[0].key = key.map(|key| CurveKey { digest: Some(digest.to_owned()), ..key });
        Subject { name: name.to_owned(), run }
    };
    let same = Comparison::of(&[of("one", "ab"), of("other", "ab")]);
    assert_eq!(same.models[0].ratio_refused, None);
    let different = Comparison::of(&[of("one", "ab"), of("other", "cd")]);
    assert!(different.models[0].ratio_refused.is_some());
}

#[test]
fn a_ratio_says_what_its_interval_bears() {
    let of = |low, high| {
        Difference::of(Interval { mean: 1.0, ci95_low: Some(low), ci95_high: Some(high) })
    };
    assert_eq!(of(1.01, 1.2), Difference::Faster);
    assert_eq!(of(0.8, 0.99), Difference::Slower);
    assert_eq!(of(0.9, 1.1), Difference::NotToldApart);
    let bare = Interval { mean: 2.0, ci95_low: None, ci95_high: None };
    assert_eq!(Difference::of(bare), Difference::NoIntervals);
}

#[test]
fn a_subject_without_a_sweet_spot_says_why() {
    let subject = |name: &str, run| Subject { name: name.to_owned(), run };
    let compared =
        Comparison::of(&[subject("idle", sample::run()), subject("busy", sample::busy())]);
    let shown = text(&compared, Width::UNLIMITED);
    assert!(shown.contains("idle: peak 581.7 tok/s at 32x, sweet spot 32x\n"), "{shown}");
    let line = "busy: highest 581.7 tok/s at 32x, no sweet spot: the machine was busy: other programs used";
    assert!(shown.contains(line), "{shown}");
    assert_eq!(compared.models[0].withheld[0], None);
}

#[test]
fn without_any_power_nothing_is_said_of_it_and_a_withheld_verdict_has_its_highest_level() {
    let subject = |name: &str, run: &BenchRun| Subject { name: name.to_owned(), run: run.clone() };
    let (busy, metered) = (sample::busy(), sample::metered());
    let both =
        text(&Comparison::of(&[subject("b1", &busy), subject("b2", &busy)]), Width::UNLIMITED);
    assert!(!both.contains("tok/W") && !both.contains("peak"), "{both}");
    assert!(
        both.contains("b1: highest 581.7 tok/s at 32x, no sweet spot: the machine was"),
        "{both}"
    );
    let one = Comparison::of(&[subject("b1", &busy), subject("b2", &metered)]);
    let refused = one.efficiency_refused.unwrap();
    assert_eq!(refused, "tok/W are not compared: no power was measured in b1");
}
