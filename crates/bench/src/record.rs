//! What a run has found so far, and the record it becomes.
//!
//! Owns: the way from outcomes to a [`BenchRun`], and the warnings on the way.
//!
//! Invariants: levels of a series ascend, whatever the order they were measured in; what is missing
//! is said in the warnings.
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
use crate::levels::Step;
use crate::measured::{Ended, Outcome};
use crate::tally::Tally;
use crate::warning::Warning;

/// What a run has found so far.
#[derive(Debug, Default)]
pub struct Record {
    series: Vec<Series>,
    warnings: Vec<Warning>,
    tally: Tally,
}

impl Record {
    /// Something about the whole run.
    pub fn warn(&mut self, warning: Warning) {
        self.warnings.push(warning);
    }

    /// Levels with figures, in all series.
    pub fn is_empty(&self) -> bool {
        self.series.iter().all(|series| series.levels.is_empty())
    }

    /// From now on levels belong to this load.
    pub fn open(&mut self, load: &Load) {
        let agent = match load.agents.as_slice() {
            [agent] => Some(agent.clone()),
            _ => None,
        };
        let model = load.model.clone();
        let (levels, verdict) = (Vec::new(), Verdict::default());
        self.series.push(Series { model, agent, key: load.key.clone(), levels, verdict });
    }

    /// Takes in a level of the open series.
    pub fn take(
        &mut self,
        step: Step,
        limit: Duration,
        outcome: &Outcome,
        config: &BenchConfig,
        ground: &Environment,
    ) -> Option<&LevelResult> {
        let Outcome { measured, ended, first_error } = outcome;
        self.tally.add(measured);
        let mut result = match step {
            Step::Parallel(parallel) => level::result(parallel, measured, ground),
            Step::Rate(rate) => {
                let level = level::result(1, measured, ground);
                LevelResult {
                    parallel: rounded(level.in_flight),
                    rate: Some(rate),
                    per_stream_tok_s: None,
                    ..level
                }
            }
        };
        let first = first_error.as_ref().map(ToString::to_string).unwrap_or_default();
        if let Some(error) = first_error.as_ref().filter(|_| result.failures > 0) {
            let (failures, finished) = (result.failures, measured.done().count() as u64);
            let (first, hint) = (first.clone(), error.hint());
            self.warnings.push(Warning::Failures { step, failures, finished, first, hint });
        }
        let (trials, wanted, streaming) = (result.trials, config.trials, measured.streaming);
        let how = match ended {
            Ended::TimeUp if trials == 0 => {
                Some(Warning::NotSteady { step, streaming, limit_s: limit.as_secs_f64() })
            }
            Ended::TimeUp if trials < wanted => Some(Warning::FewWindows { step, trials, wanted }),
            Ended::Complete | Ended::TimeUp => None,
            Ended::Overrun => Some(Warning::Overrun { step, streaming }),
            Ended::TargetDied => Some(Warning::TargetDied {
                step,
                first,
                missing: Vec::new(),
                missing_loads: Vec::new(),
            }),
            Ended::Stopped => Some(Warning::Interrupted { step }),
        };
        self.warnings.extend(how);
        if let (Some(wanted), Some(reached)) =
            (config.narrow, result.tok_s.and_then(relative_half_width))
            && trials >= config.trials
            && *ended != Ended::Stopped
            && reached > wanted
        {
            self.warnings.push(Warning::WideInterval { step, trials, reached, wanted });
        }
        self.warnings.extend(client_bound(step, outcome, &result));
        // A level that was stopped before its first window says nothing, not even that it failed.
        if *ended == Ended::Stopped && trials == 0 {
            return None;
        }
        if let Step::Parallel(parallel) = step {
            let load = config.loads.get(self.series.len().checked_sub(1)?);
            result.roof_tok_s = load.and_then(|load| load.roofs.get(&parallel)).copied();
        }
        let series = self.series.last_mut()?;
        series.levels.push(result);
        series.levels.last()
    }

    /// The levels and the loads that could not be measured after the target had died.
    pub fn missed(&mut self, steps: &[Step], loads: &[Load]) {
        if let Some(Warning::TargetDied { missing, missing_loads, .. }) =
            self.warnings.iter_mut().rfind(|warning| warning.code() == "target-died")
        {
            missing.extend_from_slice(steps);
            missing_loads.extend(loads.iter().map(|load| load.model.clone()));
        }
    }

    /// The record.
    pub fn finish(
        mut self,
        target: String,
        config: &BenchConfig,
        words: u32,
        order: Vec<u32>,
    ) -> BenchRun {
        self.warnings.extend(self.tally.warnings(config, words));
        for series in &mut self.series {
            series.levels.sort_by(|a, b| {
                a.rate
                    .partial_cmp(&b.rate)
                    .unwrap_or(std::cmp::Ordering::Equal)
                    .then(a.parallel.cmp(&b.parallel))
            });
            if config.rates.is_empty() {
                series.verdict = judge(&series.levels, config.slo);
                self.warnings.extend(diagnose(&series.levels));
            }
        }
        BenchRun {
            schema: BenchRun::SCHEMA.to_owned(),
            protocol: config.protocol.name().to_owned(),
            target,
            host: config.host.clone(),
            began_unix_ms: config.began_unix_ms,
            environment: config.environment.clone(),
            workload: Workload {
                prompt_words: words,
                prompt_tokens_asked: config.prompt_tokens,
                prompt_tokens: self.tally.mean_prompt(),
                output_tokens: config.output_tokens,
                temperature: config.temperature,
                levels: config.levels.as_asked().to_vec(),
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

/// Mean requests in flight as a level, at least 1.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "at most as many as are let in flight"
)]
fn rounded(in_flight: Option<f64>) -> u32 {
    in_flight.map_or(1, |mean| mean.round().max(1.0) as u32)
}

/// Ticks later than this are more than the clock's own grain.
const LATE: Duration = Duration::from_millis(5);

/// A client whose clock strikes later than half of the distance of two tokens cannot time them.
fn client_bound(step: Step, outcome: &Outcome, result: &LevelResult) -> Option<Warning> {
    let lag = outcome.measured.lag.filter(|lag| *lag > LATE)?;
    let (lag_ms, itl_ms) = (lag.as_secs_f64() * 1e3, result.itl_ms?.p50);
    (lag_ms > itl_ms / 2.0).then_some(Warning::ClientBound { step, lag_ms, itl_ms })
}

fn judge(levels: &[LevelResult], slo: Option<Slo>) -> Verdict {
    let measured: Vec<LevelThroughput> = levels
        .iter()
        .filter_map(|level| Some(LevelThroughput { parallel: level.parallel, tok_s: level.tok_s? }))
        .collect();
    let Some(limit_ms) = slo.and_then(|slo| slo.itl_ms) else { return verdict(&measured) };
    // Nine of ten answers keep within the bound.
    let itl_ms = |parallel: u32| {
        levels.iter().find(|level| level.parallel == parallel)?.tpot_ms.map(|tpot| tpot.p90)
    };
    verdict_within(&measured, limit_ms, itl_ms)
}

#[cfg(test)]
mod tests {
    use harmonic_types::Percentiles;
    use tokio::time::Instant;

    use super::*;
    use crate::measured::Measured;

    /// What is said of a client whose clock struck so late, where tokens are 20 ms apart.
    fn said(lag_ms: u64) -> Option<Warning> {
        let measured = Measured {
            lag: Some(Duration::from_millis(lag_ms)),
            ..Measured::since(Instant::now())
        };
        let outcome = Outcome { measured, ended: Ended::Complete, first_error: None };
        let itl_ms = Some(Percentiles { p50: 20.0, ..Percentiles::default() });
        let result = LevelResult { itl_ms, ..LevelResult::default() };
        client_bound(Step::Parallel(8), &outcome, &result)
    }

    #[test]
    fn a_client_that_is_late_by_half_a_gap_is_called_so() {
        assert_eq!(said(1), None);
        assert_eq!(said(9), None);
        let warning = said(12).unwrap();
        assert_eq!(warning.code(), "client-bound");
        insta::assert_snapshot!(warning, @"8x: the client's own clock struck 12 ms late, where tokens are 20 ms apart: the figures are the client's as much as the server's");
    }

    #[test]
    fn an_open_loops_level_is_its_mean_in_flight() {
        assert_eq!([None, Some(0.2), Some(6.6)].map(rounded), [1, 1, 7]);
    }
}
