//! Record of a run, built level by level.
//!
//! Owns: the conversion of outcomes to a [`BenchRun`], and the warnings raised by them.
//!
//! Invariants: the levels of a series ascend, independent of the order of measurement; missing
//! figures are listed in the warnings.
//!
//! Does not do: measure, or judge a series (`perfmodel`).

use std::time::Duration;

use harmonic_perfmodel::{Conditions, judge};
use harmonic_types::{
    BenchRun, LevelResult, LoadFigures, Provenance, ProvenanceMap, Series, Verdict, Workload,
};

use crate::config::{BenchConfig, Load};
use crate::diagnosis::diagnose;
use crate::findings::{Raised, Subject, findings};
use crate::level::{self, Environment};
use crate::level_warning::of_level;
use crate::levels::LoadPoint;
use crate::load_before;
use crate::measurement::{EndReason, Outcome};
use crate::usage_totals::UsageTotals;
use crate::warning::Warning;

/// Record under construction.
#[derive(Debug, Default)]
pub struct RecordBuilder {
    series: Vec<Series>,
    raised: Vec<Raised>,
    usage_totals: UsageTotals,
    load_before: Option<LoadFigures>,
}

impl RecordBuilder {
    /// Adds a warning about the whole run.
    pub fn warn(&mut self, warning: Warning) {
        self.raised.push(Raised::OfRun(warning));
    }

    /// Sets the load of the machine before the run.
    pub fn set_load_before(&mut self, load: Option<LoadFigures>) {
        self.load_before = load;
        self.raised.extend(load.iter().flat_map(load_before::warnings));
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
        let index = self.series.len().checked_sub(1)?;
        if let LoadPoint::Parallel(parallel) = point {
            let load = config.loads.get(index);
            result.roof_tok_s = load.and_then(|load| load.roofs.get(&parallel)).copied();
        }
        let level_warnings = of_level(outcome, &result, config, limit);
        let subject = Subject::Level(index, point);
        self.raised
            .extend(level_warnings.into_iter().map(|warning| Raised::OfLevel(subject, warning)));
        match ended {
            EndReason::TargetDied => self.warn(Warning::TargetDied {
                point,
                first: first_error.as_ref().map(ToString::to_string).unwrap_or_default(),
                missing: Vec::new(),
                missing_loads: Vec::new(),
            }),
            EndReason::Stopped => self.warn(Warning::Interrupted { point }),
            EndReason::Complete | EndReason::TimeUp | EndReason::Overrun => {}
        }
        // A level that was stopped before its first window has no figures, not even failures.
        if *ended == EndReason::Stopped && result.trials == 0 {
            return None;
        }
        let series = self.series.last_mut()?;
        series.levels.push(result);
        series.levels.last()
    }

    /// Adds the levels and loads that were not measured because the target died.
    pub fn add_unmeasured(&mut self, points: &[LoadPoint], loads: &[Load]) {
        for raised in &mut self.raised {
            if let Raised::OfRun(Warning::TargetDied { missing, missing_loads, .. }) = raised {
                missing.extend_from_slice(points);
                missing_loads.extend(loads.iter().map(|load| load.model.clone()));
            }
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
        // The usage of a run is that of all its tasks.
        if config.runs.is_none() {
            for warning in self.usage_totals.warnings(config, words) {
                self.warn(warning);
            }
        }
        let conditions = Conditions {
            requested: if config.rates.is_empty() { config.levels.requested() } else { &[] },
            itl_limit_ms: config.slo.and_then(|slo| slo.itl_ms),
            before: self.load_before,
        };
        for series in &mut self.series {
            series.levels.sort_by(|a, b| {
                a.rate
                    .partial_cmp(&b.rate)
                    .unwrap_or(std::cmp::Ordering::Equal)
                    .then(a.parallel.cmp(&b.parallel))
            });
            series.verdict = judge(&series.levels, &conditions);
            if config.rates.is_empty() {
                self.raised.extend(diagnose(&series.levels).into_iter().map(Raised::OfRun));
            }
        }
        let models: Vec<&str> = self.series.iter().map(|series| series.model.as_str()).collect();
        let warnings = findings(&self.raised, &models);
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
                runs: config.runs.clone(),
            },
            load_before: self.load_before,
            series: self.series,
            warnings,
            provenance: ProvenanceMap::from([
                ("/load_before".to_owned(), Provenance::Measured),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_open_loops_level_is_its_mean_in_flight() {
        assert_eq!([None, Some(0.2), Some(6.6)].map(as_level), [1, 1, 7]);
    }
}
