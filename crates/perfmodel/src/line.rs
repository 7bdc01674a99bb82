//! Linear model of the step time: a fixed part and a part per sequence.
//!
//! `t = a + b·N`, where a step of N sequences yields N tokens, so that `t = N ÷ throughput`: `a` is
//! the time to read the weights plus overhead, `b` the time per sequence.
//!
//! Invariants: neither part is negative; throughput on the line never falls, and approaches
//! `1 ÷ b`.
//!
//! Does not do: model a drop ([`crate::usl`] does).

use crate::least_squares::non_negative;
use crate::verdict::{LevelThroughput, measured};

/// Fitted linear model of the step time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StepLine {
    /// `a`: seconds of a step that do not depend on the sequences.
    pub fixed_s: f64,
    /// `b`: seconds per sequence.
    pub per_sequence_s: f64,
}

impl StepLine {
    /// Least-squares fit of `levels` in relative error; `None` with fewer than two
    /// levels that have a positive throughput.
    pub fn fit(levels: &[LevelThroughput]) -> Option<Self> {
        let points = measured(levels);
        if points.len() < 2 {
            return None;
        }
        // Rows are divided by t, so that an error of 5% has the same weight at every level.
        let rows: Vec<[f64; 2]> = points
            .iter()
            .map(|point| {
                let parallel = f64::from(point.parallel);
                let step = parallel / point.tok_s.mean;
                [1.0 / step, parallel / step]
            })
            .collect();
        let [fixed_s, per_sequence_s] = non_negative(&rows, &vec![1.0; rows.len()])?;
        Some(Self { fixed_s, per_sequence_s })
    }

    /// Tokens per second with `parallel` sequences.
    pub fn tok_s(&self, parallel: u32) -> f64 {
        let parallel = f64::from(parallel);
        parallel / (self.fixed_s + self.per_sequence_s * parallel)
    }

    /// Tokens per second approached as sequences are added; `None` where there is no limit.
    pub fn limit_tok_s(&self) -> Option<f64> {
        (self.per_sequence_s > 0.0).then(|| 1.0 / self.per_sequence_s)
    }
}
