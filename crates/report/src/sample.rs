//! Sample runs for tests.

use harmonic_perfmodel::{Conditions, REAL_TIME, is_real_time, judge, judge_with_stated};
use harmonic_types::{
    BenchRun, CurveKey, Interval, Joules, JoulesPerRun, LevelResult, LoadFigures, Percentiles,
    PowerFigures, PowerScope, ProvenanceMap, RunFigures, RunWorkload, SensorFigures, Series,
    TokensPerJoule, TokensPerSecond, Verdict, Watts, WindowResult, Workload,
};

fn level(parallel: u32, mean: f64, half: f64) -> LevelResult {
    let n = f64::from(parallel);
    let times = |p50: f64| Percentiles {
        mean: p50 * 1.05,
        sd: p50 * 0.1,
        p50,
        p90: p50 * 1.2,
        p99: p50 * 1.5,
    };
    LevelResult {
        parallel,
        in_flight: Some(n),
        trials: 3,
        requests: 40,
        failures: 0,
        tok_s: Some(Interval { mean, ci95_low: Some(mean - half), ci95_high: Some(mean + half) }),
        per_stream_tok_s: Some(TokensPerSecond(mean / n)),
        ttft_ms: Some(times(70.0 * n)),
        itl_ms: Some(times(1e3 * n / mean)),
        ..LevelResult::default()
    }
}

fn run_of(levels: Vec<LevelResult>) -> BenchRun {
    BenchRun {
        schema: BenchRun::SCHEMA.to_owned(),
        protocol: "quick".to_owned(),
        target: "http://127.0.0.1:4276".to_owned(),
        stack: Some("starter".to_owned()),
        machine: Some("AMD EPYC 9B14".to_owned()),
        host: "here".to_owned(),
        began_unix_ms: Some(1_796_000_000_000),
        environment: vec!["harmonic 0.1.0".to_owned(), "Linux 6.12, 2 threads".to_owned()],
        workload: Workload {
            prompt_words: 16,
            prompt_tokens: Some(180.0),
            output_tokens: 160,
            temperature: 0.7,
            prompt_tokens_asked: None,
            levels: levels.iter().map(|level| level.parallel).collect(),
            order: levels.iter().map(|level| level.parallel).rev().collect(),
            seed: 0,
            slo: None,
            runs: None,
        },
        load_before: None,
        series: vec![Series {
            model: "smollm2:135m".to_owned(),
            agent: None,
            key: Some(CurveKey {
                machine: "AMD EPYC 9B14".to_owned(),
                model: "smollm2:135m".to_owned(),
                digest: Some("ab12".to_owned()),
                format: Some("F16".to_owned()),
                engine: "llama.cpp/11434".to_owned(),
                context: None,
            }),
            verdict: series_verdict(&levels),
            levels,
        }],
        warnings: Vec::new(),
        provenance: ProvenanceMap::new(),
    }
}

/// 1, 8, 16, 32: `docs/sources.md#llama-server-on-two-cores`.
pub(crate) fn run() -> BenchRun {
    run_of(vec![
        level(1, 141.2, 3.4),
        level(8, 399.0, 9.1),
        level(16, 530.4, 14.9),
        level(32, 581.7, 11.8),
    ])
}

/// A plateau followed by a drop, like the paper's executive on the DGX Spark.
pub(crate) fn cliff() -> BenchRun {
    let rates = [42.0, 71.0, 118.0, 205.0, 262.0, 301.0, 305.0, 221.0, 180.0];
    let levels = [1, 2, 4, 8, 12, 16, 20, 24, 32];
    run_of(levels.into_iter().zip(rates).map(|(n, rate)| level(n, rate, 8.0)).collect())
}

/// One level measured, and one at which the target died.
pub(crate) fn died() -> BenchRun {
    let dead = LevelResult {
        in_flight: None,
        trials: 0,
        requests: 0,
        failures: 9,
        tok_s: None,
        per_stream_tok_s: None,
        ttft_ms: None,
        itl_ms: None,
        ..level(32, 1.0, 0.0)
    };
    let mut first = level(1, 27.7, 0.0);
    first.tok_s = Some(Interval { mean: 27.7, ci95_low: None, ci95_high: None });
    run_of(vec![first, dead])
}

/// Like [`run`], with power, sensors, roofs and trials.
pub(crate) fn metered() -> BenchRun {
    let mut run = run();
    let mut at = 0.0;
    for level in &mut run.series[0].levels {
        let rate = level.tok_s.unwrap();
        level.power = Some(PowerFigures {
            watts: Watts(180.0 + f64::from(level.parallel)),
            idle_watts: Some(Watts(60.0)),
            scope: PowerScope::GpuBoard,
        });
        level.tok_per_w = Some(TokensPerJoule {
            gross: rate.mean / (180.0 + f64::from(level.parallel)),
            net: Some(rate.mean / (120.0 + f64::from(level.parallel))),
        });
        level.sensors = Some(SensorFigures {
            temperature_c: Some(61.0),
            clock_mhz: Some(1980.0),
            throttled: Some(false),
        });
        level.roof_tok_s = Some(TokensPerSecond(160.0 * f64::from(level.parallel)));
        level.windows = [-1.0, 0.5, 0.5]
            .map(|offset| {
                at += 12.0;
                let tok_s = TokensPerSecond(rate.mean * (1.0 + offset / 100.0));
                WindowResult { from_s: at - 10.0, to_s: at, tok_s, joules: None }
            })
            .to_vec();
    }
    run
}

/// Two models.
pub(crate) fn two() -> BenchRun {
    let mut run = metered();
    let mut other = cliff().series.remove(0);
    "gemma3:270m".clone_into(&mut other.model);
    run.series.push(other);
    run
}

/// Arrivals at two rates.
pub(crate) fn open() -> BenchRun {
    let mut run = run();
    run.series[0].levels.truncate(2);
    for (level, rate) in run.series[0].levels.iter_mut().zip([0.5, 4.0]) {
        level.rate = Some(rate);
        level.goodput = Some(rate * 0.9);
    }
    run.series[0].verdict = Verdict::default();
    run
}

/// The paper's record of a machine, with our verdict around the stated sweet spot.
pub(crate) fn published(profile: &str) -> BenchRun {
    let mut run = harmonic_profiles::published(profile).unwrap();
    for series in &mut run.series {
        let stated = series.verdict.sweet_spot.take();
        series.verdict = judge_with_stated(&series.levels, &Conditions::default(), stated);
    }
    run
}

fn series_verdict(levels: &[LevelResult]) -> Verdict {
    let requested: Vec<u32> = levels.iter().map(|level| level.parallel).collect();
    judge(levels, &Conditions { requested: &requested, ..Conditions::default() })
}

/// Like [`run`], while another program used one of two CPUs.
pub(crate) fn busy() -> BenchRun {
    let mut run = run();
    let load = LoadFigures {
        cpus: 2,
        others_cpus: Some(0.98),
        own_cpus: Some(1.0),
        idle_cpus: Some(0.02),
        ..LoadFigures::default()
    };
    run.series[0].levels[1].load = Some(load);
    run.series[0].verdict = series_verdict(&run.series[0].levels);
    run
}

/// Runs of the recipe `split`, metered.
pub(crate) fn runs() -> BenchRun {
    let mut run = metered();
    let models = vec!["smollm2:135m".to_owned()];
    let recipe = "split".to_owned();
    run.workload.runs = Some(RunWorkload { recipe, models, real_time: REAL_TIME });
    let series = &mut run.series[0];
    "run:split".clone_into(&mut series.model);
    series.key = None;
    for level in &mut series.levels {
        let n = f64::from(level.parallel);
        let mean = level.tok_s.unwrap().mean * 3_600.0 / 640.0;
        let makespan = n * 3.6e6 / mean;
        let times = |p50: f64| {
            Some(Percentiles { mean: p50, sd: 1.0, p50, p90: p50 * 1.1, p99: p50 * 1.3 })
        };
        (level.itl_ms, level.tpot_ms) = (None, None);
        (level.ttft_ms, level.e2e_ms) = (times(60.0 * n), times(makespan * 0.7));
        let per_hour = Interval { mean, ci95_low: Some(mean * 0.97), ci95_high: Some(mean * 1.03) };
        let watts = level.power.unwrap().watts.0;
        let joules = |watts: f64| Joules(watts * 3_600.0 / mean);
        level.runs = Some(RunFigures {
            per_hour: Some(per_hour),
            joules: Some(JoulesPerRun { gross: joules(watts), net: Some(joules(watts - 60.0)) }),
            real_time: is_real_time(level, REAL_TIME),
        });
        level.roof_tok_s = None;
    }
    series.verdict = series_verdict(&series.levels);
    run
}

/// Nothing measured.
pub(crate) fn nothing() -> BenchRun {
    run_of(vec![])
}

/// Large figures in every column.
pub(crate) fn wide() -> BenchRun {
    let mut last = level(1024, 999_999.0, 99_999.0);
    last.failures = 99_999;
    run_of(vec![level(1, 12_345.6, 1_234.0), last])
}
