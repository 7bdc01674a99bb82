//! Whether runs of a team are real-time, in words.

use harmonic_types::{BenchRun, RealTimeLimits, Series};

/// Conclusion on the runs of `series`, or why there is none; `None` where the requests were no runs.
pub(crate) fn conclusion(run: &BenchRun, series: &Series) -> Option<String> {
    let limits = criterion(run.workload.runs.as_ref()?.real_time);
    let Some(range) = series.verdict.real_time else {
        let caveat = series.verdict.caveats.first();
        let why = caveat.map_or("no run ended", |caveat| caveat.message.as_str());
        return Some(format!("no conclusion on real time: {why}"));
    };
    Some(match (range.up_to, series.levels.first()) {
        (Some(1), _) => format!("real-time one run at a time: {limits}"),
        (Some(up_to), _) => format!("real-time up to {up_to} runs at a time: {limits}"),
        (None, lowest) => {
            let lowest = lowest.map_or(1, |level| level.parallel);
            format!("not real-time, even at {lowest}x: that is {limits}")
        }
    })
}

/// The criterion: the first text within …, the answer within …
pub(crate) fn criterion(limits: RealTimeLimits) -> String {
    let RealTimeLimits { first_ms, makespan_ms } = limits;
    let (first, makespan) = (first_ms / 1e3, makespan_ms / 1e3);
    format!("in the median the first text within {first} s and the answer within {makespan} s")
}

/// Cell of a table.
pub(crate) fn word(is_real_time: bool) -> String {
    if is_real_time { "yes" } else { "no" }.to_owned()
}

#[cfg(test)]
mod tests {
    use harmonic_types::{Caveat, CaveatKind, RealTimeRange};

    use super::*;
    use crate::sample;

    #[test]
    fn a_conclusion_has_its_criterion_or_says_why_it_is_withheld() {
        let mut run = sample::runs();
        let said = |run: &BenchRun| conclusion(run, &run.series[0]).unwrap();
        insta::assert_snapshot!(said(&run), @"real-time up to 8 runs at a time: in the median the first text within 1 s and the answer within 10 s");
        run.series[0].verdict.real_time = Some(RealTimeRange { up_to: None });
        insta::assert_snapshot!(said(&run), @"not real-time, even at 1x: that is in the median the first text within 1 s and the answer within 10 s");
        run.series[0].verdict.real_time = None;
        let message = "the machine was busy: other programs used 0.98 of 2 CPUs at 8x".to_owned();
        run.series[0].verdict.caveats = vec![Caveat { kind: CaveatKind::Busy, message }];
        insta::assert_snapshot!(said(&run), @"no conclusion on real time: the machine was busy: other programs used 0.98 of 2 CPUs at 8x");
        assert_eq!(conclusion(&sample::run(), &sample::run().series[0]), None);
    }
}
