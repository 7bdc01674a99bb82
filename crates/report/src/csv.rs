//! `levels.csv`: one row per level of each series.
//!
//! Invariants: column names contain units; absent figures are empty.

use ::csv::Writer;
use harmonic_types::{BenchRun, LevelResult, Percentiles, Series};

use crate::number_format;

/// Column names.
const HEADER: [&str; 51] = [
    "model",
    "agent",
    "parallel",
    "rate_per_s",
    "in_flight",
    "trials",
    "requests",
    "failures",
    "tok_s_mean",
    "tok_s_ci95_low",
    "tok_s_ci95_high",
    "per_stream_tok_s",
    "roof_tok_s",
    "ttft_ms_mean",
    "ttft_ms_p50",
    "ttft_ms_p90",
    "ttft_ms_p99",
    "itl_ms_mean",
    "itl_ms_p50",
    "itl_ms_p90",
    "itl_ms_p99",
    "tpot_ms_mean",
    "tpot_ms_p50",
    "tpot_ms_p90",
    "tpot_ms_p99",
    "e2e_ms_mean",
    "e2e_ms_p50",
    "e2e_ms_p90",
    "e2e_ms_p99",
    "goodput_per_s",
    "watts",
    "idle_watts",
    "power_scope",
    "tok_per_w_gross",
    "tok_per_w_net",
    "temperature_c",
    "clock_mhz",
    "throttled",
    "measured_from_s",
    "measured_to_s",
    "others_cpus",
    "stolen_cpus",
    "throttled_cpus",
    "waiting_threads",
    "stalled_share",
    "runs_per_hour_mean",
    "runs_per_hour_ci95_low",
    "runs_per_hour_ci95_high",
    "joules_per_run_gross",
    "joules_per_run_net",
    "real_time",
];

/// Content of the file.
pub fn render(run: &BenchRun) -> String {
    let mut writer = Writer::from_writer(Vec::new());
    let rows =
        run.series.iter().flat_map(|series| series.levels.iter().map(|level| row(series, level)));
    let header = HEADER.map(str::to_owned).to_vec();
    for row in std::iter::once(header).chain(rows) {
        // Writing to memory does not fail, and all rows have the columns of the header.
        let _ = writer.write_record(&row);
    }
    let bytes = writer.into_inner().unwrap_or_default();
    String::from_utf8_lossy(&bytes).into_owned()
}

fn row(series: &Series, level: &LevelResult) -> Vec<String> {
    let sensors = level.sensors.unwrap_or_default();
    let load = level.load.unwrap_or_default();
    let scope = level.power.map(|power| number_format::scope(power.scope).to_owned());
    let mut row = vec![
        series.model.clone(),
        series.agent.as_ref().map(|agent| agent.0.clone()).unwrap_or_default(),
        level.parallel.to_string(),
        number(level.rate),
        number(level.in_flight),
        level.trials.to_string(),
        level.requests.to_string(),
        level.failures.to_string(),
        number(level.tok_s.map(|rate| rate.mean)),
        number(level.tok_s.and_then(|rate| rate.ci95_low)),
        number(level.tok_s.and_then(|rate| rate.ci95_high)),
        number(level.per_stream_tok_s.map(|rate| rate.0)),
        number(level.roof_tok_s.map(|rate| rate.0)),
    ];
    for times in [level.ttft_ms, level.itl_ms, level.tpot_ms, level.e2e_ms] {
        row.extend(distribution(times));
    }
    row.extend([
        number(level.goodput),
        number(level.power.map(|power| power.watts.0)),
        number(level.power.and_then(|power| power.idle_watts).map(|watts| watts.0)),
        scope.unwrap_or_default(),
        number(level.tok_per_w.map(|efficiency| efficiency.gross)),
        number(level.tok_per_w.and_then(|efficiency| efficiency.net)),
        number(sensors.temperature_c),
        number(sensors.clock_mhz),
        sensors.throttled.map(|throttled| throttled.to_string()).unwrap_or_default(),
        number(level.windows.first().map(|window| window.from_s)),
        number(level.windows.last().map(|window| window.to_s)),
        number(load.others_cpus),
        number(load.stolen_cpus),
        number(load.throttled_cpus),
        number(load.waiting_threads),
        number(load.stalled_share),
    ]);
    let per_hour = level.runs.and_then(|runs| runs.per_hour);
    let joules = level.runs.and_then(|runs| runs.joules);
    row.extend([
        number(per_hour.map(|rate| rate.mean)),
        number(per_hour.and_then(|rate| rate.ci95_low)),
        number(per_hour.and_then(|rate| rate.ci95_high)),
        number(joules.map(|joules| joules.gross.0)),
        number(joules.and_then(|joules| joules.net).map(|net| net.0)),
        level.runs.and_then(|runs| runs.real_time).map(|is| is.to_string()).unwrap_or_default(),
    ]);
    row
}

fn distribution(times: Option<Percentiles>) -> [String; 4] {
    [
        number(times.map(|times| times.mean)),
        number(times.map(|times| times.p50)),
        number(times.map(|times| times.p90)),
        number(times.map(|times| times.p99)),
    ]
}

/// Formats a figure with three decimals, beyond the precision of any measurement.
fn number(value: Option<f64>) -> String {
    value.map(|value| format!("{value:.3}")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;

    #[test]
    fn every_row_has_the_columns_of_the_header_and_absent_is_empty() {
        let text = render(&sample::died());
        let mut reader = ::csv::Reader::from_reader(text.as_bytes());
        assert_eq!(reader.headers().unwrap().len(), HEADER.len());
        let rows: Vec<::csv::StringRecord> = reader.records().map(Result::unwrap).collect();
        assert_eq!((&rows[0][2], &rows[0][8], &rows[0][9]), ("1", "27.700", ""));
        assert_eq!((&rows[1][2], &rows[1][7], &rows[1][8]), ("32", "9", ""));
    }

    #[test]
    fn power_has_its_scope_in_words() {
        let text = render(&sample::metered());
        assert!(text.contains(",gpu-board,"), "{text}");
    }
}
