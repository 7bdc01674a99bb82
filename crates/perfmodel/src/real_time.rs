//! When runs of a team are real-time.
//!
//! Owns: the criterion, and its application to the levels of a benchmark.

use harmonic_types::{LevelResult, RealTimeLimits, RealTimeRange};

/// Limits for a person who waits for a team: a first text within the second in which a train of
/// thought stays uninterrupted, and the answer within the ten seconds for which attention stays with
/// a dialogue (`docs/sources.md#response-times`).
pub const REAL_TIME: RealTimeLimits = RealTimeLimits { first_ms: 1_000.0, makespan_ms: 10_000.0 };

/// Whether the median run of `level` keeps `limits`; `None` without both times.
pub fn is_real_time(level: &LevelResult, limits: RealTimeLimits) -> Option<bool> {
    let (first, makespan) = (level.ttft_ms?.p50, level.e2e_ms?.p50);
    Some(first <= limits.first_ms && makespan <= limits.makespan_ms)
}

/// How many runs at a time are real-time, by the figures of `levels`, ascending; `None` where a level
/// that decides it has none.
pub fn real_time_range(levels: &[LevelResult]) -> Option<RealTimeRange> {
    let mut up_to = None;
    for level in levels {
        if !level.runs?.real_time? {
            break;
        }
        up_to = Some(level.parallel);
    }
    (!levels.is_empty()).then_some(RealTimeRange { up_to })
}

#[cfg(test)]
mod tests {
    use harmonic_types::{Percentiles, RunFigures};

    use super::*;

    fn level(parallel: u32, first_ms: f64, makespan_ms: f64) -> LevelResult {
        let times = |p50: f64| Some(Percentiles { mean: p50, sd: 0.0, p50, p90: p50, p99: p50 });
        let level = LevelResult {
            parallel,
            ttft_ms: times(first_ms),
            e2e_ms: times(makespan_ms),
            ..LevelResult::default()
        };
        let real_time = is_real_time(&level, REAL_TIME);
        LevelResult { runs: Some(RunFigures { per_hour: None, joules: None, real_time }), ..level }
    }

    #[test]
    fn both_limits_count_and_are_kept_at_themselves() {
        let is = |first_ms, makespan_ms| level(1, first_ms, makespan_ms).runs.unwrap().real_time;
        assert_eq!(is(1_000.0, 10_000.0), Some(true));
        assert_eq!(is(1_000.1, 9_000.0), Some(false));
        assert_eq!(is(900.0, 10_000.1), Some(false));
        assert_eq!(is_real_time(&LevelResult::default(), REAL_TIME), None);
    }

    #[test]
    fn the_range_ends_before_the_first_level_that_is_not() {
        let range = |levels: &[LevelResult]| real_time_range(levels);
        let (fast, slow) = (|n| level(n, 100.0, 4_000.0), |n| level(n, 100.0, 20_000.0));
        let up_to = |up_to| Some(RealTimeRange { up_to });
        assert_eq!(range(&[fast(1), fast(4), slow(8)]), up_to(Some(4)));
        assert_eq!(range(&[fast(1), fast(4)]), up_to(Some(4)));
        assert_eq!(range(&[slow(1), fast(4)]), up_to(None));
        // One that was not measured decides only where it comes first.
        assert_eq!(range(&[fast(1), LevelResult::default(), slow(8)]), None);
        assert_eq!(range(&[slow(1), LevelResult::default()]), up_to(None));
        assert_eq!(range(&[]), None);
    }
}
