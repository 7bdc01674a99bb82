//! Tables of power, efficiency and sensors.

use harmonic_layout::{Column, Table, Width};
use harmonic_types::{BenchRun, LevelResult, Series};

use super::table::of_each;
use crate::number_format::{digits, or_absent, scope};

/// Table of each series with power or sensor figures; empty without any.
pub fn power(run: &BenchRun, width: Width) -> String {
    of_each(run, width, |one| series(one, width))
}

fn series(series: &Series, width: Width) -> Option<String> {
    let has = |level: &LevelResult| level.power.is_some() || level.sensors.is_some();
    series.levels.iter().any(has).then_some(())?;
    let covered = series.levels.iter().find_map(|level| level.power);
    let watts =
        covered.map_or_else(|| "W".to_owned(), |power| format!("W ({})", scope(power.scope)));
    let columns = [
        Column::figure("parallel"),
        Column::figure(watts),
        Column::figure("idle W").leaves(3),
        Column::figure("tok/W gross"),
        Column::figure("net"),
        Column::figure("°C").leaves(2),
        Column::figure("MHz").leaves(1),
        Column::figure("throttled"),
    ];
    Some(Table::new(columns, series.levels.iter().map(row)).text(width))
}

fn row(level: &LevelResult) -> Vec<String> {
    let sensors = level.sensors.unwrap_or_default();
    let absent_or = |figure: Option<f64>| or_absent(figure.map(digits));
    vec![
        format!("{}x", level.parallel),
        absent_or(level.power.map(|power| power.watts.0)),
        absent_or(level.power.and_then(|power| power.idle_watts).map(|watts| watts.0)),
        absent_or(level.tok_per_w.map(|efficiency| efficiency.gross)),
        absent_or(level.tok_per_w.and_then(|efficiency| efficiency.net)),
        or_absent(sensors.temperature_c.map(|celsius| format!("{celsius:.0}"))),
        or_absent(sensors.clock_mhz.map(|clock| format!("{clock:.0}"))),
        or_absent(
            sensors.throttled.map(|throttled| if throttled { "yes" } else { "no" }.to_owned()),
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;

    #[test]
    fn watts_carry_their_scope_and_a_run_without_has_no_table() {
        insta::assert_snapshot!(power(&sample::metered(), Width::UNLIMITED), @r"
         parallel  W (gpu-board)  idle W  tok/W gross   net  °C   MHz  throttled
        ─────────────────────────────────────────────────────────────────────────
               1x            181    60.0         0.78  1.17  61  1980         no
               8x            188    60.0         2.12  3.12  61  1980         no
              16x            196    60.0         2.71  3.90  61  1980         no
              32x            212    60.0         2.74  3.83  61  1980         no
        ");
        assert_eq!(power(&sample::run(), Width::UNLIMITED), "");
        let two = power(&sample::two(), Width::UNLIMITED);
        assert!(two.starts_with("smollm2:135m F16\n"), "{two}");
    }
}
