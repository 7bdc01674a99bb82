//! Record of a run, built level by level.
//!
//! Owns: the conversion of outcomes to a [`BenchRun`], and the warnings raised by them.
//!
//! Invariants: the levels of a series ascend, independent of the order of measurement; missing
//! figures are listed in the warnings.
//!
//! Does not do: measure.

use std::time::Duration;

use harmonic_perfmodel::{LevelThroughput, verdict, verdict_within};
use harmonic_types::{
    BenchRun, LevelResult, Provenance, ProvenanceMap, Series, Slo, Verdict, Workload,
};

use crate::config::{BenchConfig, Load};
use crate::diagnosis::diagnose;
use crate::interval::relative_half_width;
use crate::level::{self, Environment};
use crate::levels::LoadPoint;
use crate::measurement::{EndReason, Outcome};
use crate::usage_totals::UsageTotals;
use crate::warning::Warning;

/// Record under construction.
#[derive(Debug, Default)]
pub struct RecordBuilder {
    series: Vec<Series>,
    warnings: Vec<Warning>,
    usage_totals: UsageTotals,
}

impl RecordBuilder {
    /// Adds a warning about the whole run.
    pub fn warn(&mut self, warning: Warning) {
        self.warnings.push(warning);
    }

    /// Whether no series has a level yet.
    pub fn is_empty(&self) -> bool {
        self.series.iter().all(|series| series.levels.is_empty())
    }

    /// Starts the series of this load.
    pub fn start_series(&mut self, load: &Load) {
        let agent = match load.agents.as_slice() {
            [agent] => Some(agent.clone()),
            _ => None,
        };
        let model = load.model.clone();
        let (levels, verdict) = (Vec::new(), Verdict::default());
        self.series.push(Series { model, agent, key: load.key.clone(), levels, verdict });
    }

    /// Adds a level to the current series; `None` if it was stopped before its first window.
    pub fn add_level(
        &mut self,
        point: LoadPoint,
        limit: Duration,
        outcome: &Outcome,
        config: &BenchConfig,
        environment: &Environment,
    ) -> Option<&LevelResult> {
        let Outcome { measurement, ended, first_error } = outcome;
        self.usage_totals.add(measurement);
        let mut result = match point {
            LoadPoint::Parallel(parallel) => level::result(parallel, measurement, environment),
            LoadPoint::Rate(rate) => {
                let level = level::result(1, measurement, environment);
                LevelResult {
                    parallel: as_level(level.in_flight),
                    rate: Some(rate),
                    per_stream_tok_s: None,
                    ..level
                }
            }
        };
        let first = first_error.as_ref().map(ToString::to_string).unwrap_or_default();
        if let Some(error) = first_error.as_ref().filter(|_| result.failures > 0) {
            let (failures, finished) = (result.failures, measurement.done().count() as u64);
            let (first, hint) = (first.clone(), error.hint());
            self.warnings.push(Warning::Failures { point, failures, finished, first, hint });
        }
        let (trials, wanted, streaming) = (result.trials, config.trials, measurement.streaming);
        let how = match ended {
            EndReason::TimeUp if trials == 0 => {
                Some(Warning::NotSteady { point, streaming, limit_s: limit.as_secs_f64() })
            }
            EndReason::TimeUp if trials < wanted => {
                Some(Warning::FewWindows { point, trials, wanted })
            }
            EndReason::Complete | EndReason::TimeUp => None,
            EndReason::Overrun => Some(Warning::Overrun { point, streaming }),
            EndReason::TargetDied => Some(Warning::TargetDied {
                point,
                first,
                missing: Vec::new(),
                missing_loads: Vec::new(),
            }),
            EndReason::Stopped => Some(Warning::Interrupted { point }),
        };
        self.warnings.extend(how);
        if let (Some(wanted), Some(reached)) =
            (config.target_half_width, result.tok_s.and_then(relative_half_width))
            && trials >= config.trials
            && *ended != EndReason::Stopped
            && reached > wanted
        {
            self.warnings.push(Warning::WideInterval { point, trials, reached, wanted });
        }
        self.warnings.extend(client_bound(point, outcome, &result));
        // A level that was stopped before its first window has no figures, not even failures.
        if *ended == EndReason::Stopped && trials == 0 {
            return None;
        }
        if let LoadPoint::Parallel(parallel) = point {
            let load = config.loads.get(self.series.len().checked_sub(1)?);
            result.roof_tok_s = load.and_then(|load| load.roofs.get(&parallel)).copied();
        }
        let series = self.series.last_mut()?;
        series.levels.push(result);
        series.levels.last()
    }

    /// Adds the levels and loads that were not measured because the target died.
    pub fn add_unmeasured(&mut self, points: &[LoadPoint], loads: &[Load]) {
        if let Some(Warning::TargetDied { missing, missing_loads, .. }) =
            self.warnings.iter_mut().rfind(|warning| warning.code() == "target-died")
        {
            missing.extend_from_slice(points);
            missing_loads.extend(loads.iter().map(|load| load.model.clone()));
        }
    }

    /// Finished record.
    pub fn finish(
        mut self,
        target: String,
        config: &BenchConfig,
        words: u32,
        order: Vec<u32>,
    ) -> BenchRun {
        self.warnings.extend(self.usage_totals.warnings(config, words));
        for series in &mut self.series {
            series.levels.sort_by(|a, b| {
                a.rate
                    .partial_cmp(&b.rate)
                    .unwrap_or(std::cmp::Ordering::Equal)
                    .then(a.parallel.cmp(&b.parallel))
            });
            if config.rates.is_empty() {
                series.verdict = series_verdict(&series.levels, config.slo);
                self.warnings.extend(diagnose(&series.levels));
            }
        }
        BenchRun {
            schema: BenchRun::SCHEMA.to_owned(),
            protocol: config.protocol.name().to_owned(),
            target,
            stack: config.stack.clone(),
            machine: config.machine.clone(),
            host: config.host.clone(),
            began_unix_ms: config.began_unix_ms,
            environment: config.environment.clone(),
            workload: Workload {
                prompt_words: words,
                prompt_tokens_asked: config.prompt_tokens,
                prompt_tokens: self.usage_totals.mean_prompt(),
                output_tokens: config.output_tokens,
                temperature: config.temperature,
                levels: config.levels.requested().to_vec(),
                order,
                seed: config.seed,
                slo: config.slo,
            },
            series: self.series,
            warnings: self.warnings.iter().map(Warning::finding).collect(),
            provenance: ProvenanceMap::from([
                ("/series".to_owned(), Provenance::Measured),
                ("/series/*/levels/*/roof_tok_s".to_owned(), Provenance::Estimated),
                ("/workload".to_owned(), Provenance::Declared),
                ("/workload/prompt_tokens".to_owned(), Provenance::Measured),
            ]),
        }
    }
}

/// Mean requests in flight, rounded to a level, at least 1.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "at most the limit of requests in flight"
)]
fn as_level(in_flight: Option<f64>) -> u32 {
    in_flight.map_or(1, |mean| mean.round().max(1.0) as u32)
}

/// Lag below which a delay is within the resolution of the timer.
const MIN_LAG: Duration = Duration::from_millis(5);

/// Warning if the event loop lags by more than half of the gap between tokens, so that the client
/// cannot time them.
fn client_bound(point: LoadPoint, outcome: &Outcome, result: &LevelResult) -> Option<Warning> {
    let lag = outcome.measurement.lag.filter(|lag| *lag > MIN_LAG)?;
    let (lag_ms, itl_ms) = (lag.as_secs_f64() * 1e3, result.itl_ms?.p50);
    (lag_ms > itl_ms / 2.0).then_some(Warning::ClientBound { point, lag_ms, itl_ms })
}

fn series_verdict(levels: &[LevelResult], slo: Option<Slo>) -> Verdict {
    let measurement: Vec<LevelThroughput> = levels
        .iter()
        .filter_map(|level| Some(LevelThroughput { parallel: level.parallel, tok_s: level.tok_s? }))
        .collect();
    let Some(limit_ms) = slo.and_then(|slo| slo.itl_ms) else { return verdict(&measurement) };
    // Nine of ten requests meet the bound.
    let itl_ms = |parallel: u32| {
        levels.iter().find(|level| level.parallel == parallel)?.tpot_ms.map(|tpot| tpot.p90)
    };
    verdict_within(&measurement, limit_ms, itl_ms)
}

#[cfg(test)]
mod tests {
    use harmonic_types::Percentiles;
    use tokio::time::Instant;

    use super::*;
    use crate::measurement::Measurement;

    /// Warning about a client with this lag, where tokens are 20 ms apart.
    fn warning(lag_ms: u64) -> Option<Warning> {
        let measurement = Measurement {
            lag: Some(Duration::from_millis(lag_ms)),
            ..Measurement::since(Instant::now())
        };
        let outcome = Outcome { measurement, ended: EndReason::Complete, first_error: None };
        let itl_ms = Some(Percentiles { p50: 20.0, ..Percentiles::default() });
        let result = LevelResult { itl_ms, ..LevelResult::default() };
        client_bound(LoadPoint::Parallel(8), &outcome, &result)
    }

    #[test]
    fn a_client_that_is_late_by_half_a_gap_is_called_so() {
        assert_eq!(warning(1), None);
        assert_eq!(warning(9), None);
        let warning = warning(12).unwrap();
        assert_eq!(warning.code(), "client-bound");
        insta::assert_snapshot!(warning, @"8x: the client's event loop lags by 12 ms, more than half of the 20 ms between tokens: the figures are limited by the client");
    }

    #[test]
    fn an_open_loops_level_is_its_mean_in_flight() {
        assert_eq!([None, Some(0.2), Some(6.6)].map(as_level), [1, 1, 7]);
    }
}
