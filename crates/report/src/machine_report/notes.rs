//! Footnotes: the paper's claims compared with its own figures.

use harmonic_layout::{Width, beside};
use harmonic_types::{BenchRun, Series};

use super::{gross, highest, rate};

/// The paper's claims about a machine.
pub(super) struct Claims {
    /// Name in §4.4.
    pub platform: &'static str,
    /// Power in §4.4.
    pub watts: f64,
    /// `~` if the paper marks the power as approximate.
    pub about_power: &'static str,
    /// Claims of §4.3.
    pub characteristics: &'static [&'static str],
    /// Models with approximate figures (`~`).
    pub approximate: &'static [&'static str],
    /// Memory bandwidth claimed in §2, and the actual one, GB/s
    /// (`docs/sources.md#bandwidth-of-the-gb10`, `docs/sources.md#bandwidth-of-strix-halo`).
    pub bandwidth_gb_s: (f64, f64),
    /// Size of the model that was measured at every level, GB (§3.2).
    pub full_model_gb: f64,
}

const NEAR_LINEAR: &str = "Near-linear scaling to 16x";
const SPARK_SPOT: &str = "Sweet spot: 16x parallel";
const EXCELLENT: &str = "Excellent scaling to 12x";
const CLIFF: &str = "Performance cliff at 16x+";
const FIVE_TIMES: &str = "1.2x to 5x throughput gain at 8x parallelism (§3.3)";
const SINGLE: &str = "Peaks earlier but achieves excellent single-stream performance (§6.1)";
const RATIO: &str = "The 2:1 ratio in memory bandwidth correlates with the scaling ceiling (§6.2)";

/// Claims about the machine of `run`; `None` for a run that is not the paper's.
pub(super) fn claims(run: &BenchRun) -> Option<Claims> {
    if run.protocol != "published" {
        return None;
    }
    let machine = run.series.first()?.key.as_ref()?.machine.as_str();
    Some(match machine {
        "dgx-spark" => Claims {
            platform: "DGX Spark",
            watts: 39.0,
            about_power: "",
            characteristics: &[
                NEAR_LINEAR,
                "Continues improving to 32x on small models",
                SPARK_SPOT,
                "Peak: 334.1 tok/s (executive model)",
                RATIO,
            ],
            approximate: &["qwen3:14b"],
            bandwidth_gb_s: (500.0, 273.0),
            full_model_gb: 2.5,
        },
        "ryzen-ai-max-395" => Claims {
            platform: "X2",
            watts: 65.0,
            about_power: "~",
            characteristics: &[
                EXCELLENT,
                CLIFF,
                "Sweet spot: 12x parallel",
                "Peak: 222.6 tok/s (qwen3:4b)",
                FIVE_TIMES,
                SINGLE,
            ],
            approximate: &[],
            bandwidth_gb_s: (256.0, 256.0),
            full_model_gb: 2.5,
        },
        _ => return None,
    })
}

/// Footnotes in the order of reference.
#[derive(Default)]
pub(super) struct Notes(Vec<String>);

impl Notes {
    /// Text of all footnotes, one per paragraph.
    pub(super) fn text(&self, width: Width) -> String {
        let numbered = self.0.iter().enumerate();
        let lines = numbered
            .flat_map(|(index, note)| beside("", "  ", &format!("[{}] {note}", index + 1), width));
        lines.collect::<Vec<_>>().join("\n")
    }

    /// Adds a note unless it exists; returns its number in brackets.
    fn add(&mut self, note: String) -> String {
        let known = self.0.iter().position(|other| *other == note);
        let index = known.unwrap_or_else(|| {
            self.0.push(note);
            self.0.len() - 1
        });
        format!("[{}]", index + 1)
    }

    /// Notes on a row of §4.2.
    pub(super) fn of_peak(&mut self, run: &BenchRun, series: &Series, claims: &Claims) -> String {
        let mut marks = Vec::new();
        let level = highest(series);
        let watts = rate(level).zip(gross(level)).map(|(rate, gross)| rate / gross);
        if let Some(watts) = watts.filter(|watts| (watts - claims.watts).abs() < 0.5)
            && claims.about_power.is_empty()
        {
            marks.push(self.add(format!(
                "{:.1} ÷ {:.2} = {watts:.1} W: the {:.0} W of §4.4 belong to {}, not to the model \
                 with the highest throughput",
                rate(level).unwrap_or_default(),
                gross(level).unwrap_or_default(),
                claims.watts,
                series.model
            )));
        }
        let best = run.series.iter().filter_map(|other| rate(highest(other))).fold(0.0, f64::max);
        if let (Some(watts), Some(rate)) = (watts, rate(level))
            && claims.about_power.is_empty()
            && rate >= best
        {
            marks.push(self.add(format!(
                "{rate:.1} ÷ {:.2} = {watts:.1} W, where §4.4 states {:.0} W",
                gross(level).unwrap_or_default(),
                claims.watts
            )));
        }
        marks.extend(self.of_inconsistent_models(run, series));
        if claims.approximate.contains(&series.model.as_str()) {
            marks.push(self.add("the paper states both figures as approximate".to_owned()));
        }
        if claims.approximate.is_empty() && !claims.about_power.is_empty() {
            marks.push(
                self.add(
                    "from an estimated power: the paper states that it was not measured directly"
                        .to_owned(),
                ),
            );
        }
        marks.join(" ")
    }

    /// Notes on inconsistent models: two of different sizes with the same throughput, and one that is
    /// faster than another of its size.
    fn of_inconsistent_models(&mut self, run: &BenchRun, series: &Series) -> Vec<String> {
        let mut marks = Vec::new();
        let (Some(level), Some(current)) = (highest(series), rate(highest(series))) else {
            return marks;
        };
        let same_rate =
            run.series.iter().take_while(|other| other.model != series.model).find(|other| {
                rate(highest(other)).is_some_and(|other| (other - current).abs() < 1e-9)
            });
        if let Some(same_rate) = same_rate {
            marks.push(self.add(format!(
                "{} is twice the size and has the same {current:.1} tok/s as {}",
                series.model, same_rate.model
            )));
        }
        let full = run.series.iter().find(|other| other.levels.len() > 1);
        if series.model == "executive"
            && let Some(full) = full
            && let Some(reference) =
                rate(full.levels.iter().find(|other| other.parallel == level.parallel))
        {
            marks.push(self.add(format!(
                "at {}x {:.1} times as fast as {}, which has the same size ({current:.1} and \
                 {reference:.1})",
                level.parallel,
                current / reference,
                full.model
            )));
        }
        marks
    }

    /// Notes on a row of §4.1.
    pub(super) fn of_level(&mut self, series: &Series, index: usize, claims: &Claims) -> String {
        let level = &series.levels[index];
        let Some(current) = rate(Some(level)) else { return String::new() };
        let mut marks = Vec::new();
        if index == 0 {
            let used = current * claims.full_model_gb;
            let (_, actual) = claims.bandwidth_gb_s;
            marks.push(self.add(format!(
                "one stream of a {} GB model at {current:.1} tok/s reads {used:.0} GB/s, {:.0}% of \
                 the memory's {actual:.0} GB/s",
                claims.full_model_gb,
                used / actual * 100.0
            )));
        }
        let before = index.checked_sub(1).and_then(|before| series.levels.get(before));
        if let (Some(before), Some(previous)) = (before, rate(before)) {
            let (load, gain) =
                (f64::from(level.parallel) / f64::from(before.parallel), current / previous);
            if gain > load * 1.05 {
                marks.push(self.add(format!(
                    "{current:.1} ÷ {previous:.1}: {gain:.1} times the throughput for {load:.1} \
                     times the load, which is impossible: {}x was measured too low",
                    before.parallel
                )));
            }
            let later = series.levels[index..].iter().filter_map(|level| rate(Some(level)));
            if gain < 1.0 && later.fold(0.0, f64::max) > previous {
                marks.push(self.add(format!(
                    "{current:.1} at {}x is below {previous:.1} at {}x, and throughput rises again \
                     after: not a peak, but noise or an error",
                    level.parallel, before.parallel
                )));
            }
        }
        marks.join(" ")
    }

    /// Note on a line of §4.3.
    pub(super) fn of_claim(&mut self, series: &Series, claim: &str, claims: &Claims) -> String {
        let at =
            |parallel: u32| rate(series.levels.iter().find(|level| level.parallel == parallel));
        let model = &series.model;
        let note = match claim {
            NEAR_LINEAR => at(16).zip(at(1)).map(|(high, low)| {
                format!(
                    "{high:.1} ÷ {low:.1} = {:.1}x of 16x for {model}: {:.0}% of linear",
                    high / low,
                    high / low / 16.0 * 100.0
                )
            }),
            SPARK_SPOT => at(32).zip(at(16)).map(|(high, low)| {
                format!(
                    "{model} gives {:.0}% more at 32x ({high:.1} after {low:.1}), the highest level \
                     measured",
                    (high / low - 1.0) * 100.0
                )
            }),
            EXCELLENT => at(8).zip(at(1)).map(|(high, low)| {
                format!(
                    "up to 8x the gain is {:.1}x of 8x; the rest comes in the single step to 12x",
                    high / low
                )
            }),
            CLIFF => at(16).zip(at(12)).map(|(after, peak)| {
                format!(
                    "{after:.1} after {peak:.1}, a drop of {:.0}%, but from three trials without \
                     intervals, next to an impossible step: not confirmed",
                    (1.0 - after / peak) * 100.0
                )
            }),
            FIVE_TIMES => at(8).zip(at(1)).map(|(high, low)| {
                format!(
                    "{high:.1} ÷ {low:.1} = {:.1}x; and §3.3 has 51 tok/s at 1x and 61 at 8x \
                     before the setting, so that 8x gained {:.2} times and 1x lost {:.0}%",
                    high / low,
                    high / 61.0,
                    (1.0 - low / 51.0) * 100.0
                )
            }),
            SINGLE => at(1).map(|single| {
                let (_, actual) = claims.bandwidth_gb_s;
                format!(
                    "{single:.1} tok/s use {:.0}% of the memory's bandwidth; others reach 55 to 65 \
                     tok/s with a model of this size",
                    single * claims.full_model_gb / actual * 100.0
                )
            }),
            RATIO => {
                let (claimed, actual) = claims.bandwidth_gb_s;
                Some(format!(
                    "the GB10's memory bandwidth is {actual:.0} GB/s, not ~{claimed:.0} GB/s; the \
                     ratio to the X2's 256 is {:.2}:1",
                    actual / 256.0
                ))
            }
            _ => None,
        };
        note.map(|note| self.add(note)).unwrap_or_default()
    }

    /// Notes on the row of §4.4.
    pub(super) fn of_efficiency(&mut self, run: &BenchRun, claims: &Claims) -> String {
        let best = run.series.iter().filter_map(highest).max_by(|one, other| {
            rate(Some(one)).partial_cmp(&rate(Some(other))).unwrap_or(std::cmp::Ordering::Equal)
        });
        let mut marks = Vec::new();
        if let Some(highest_rate) = rate(best).filter(|_| claims.about_power.is_empty()) {
            marks.push(self.add(format!(
                "{highest_rate:.1} ÷ {:.0} = {:.2} tok/W, not {:.2}",
                claims.watts,
                highest_rate / claims.watts,
                gross(best).unwrap_or_default()
            )));
            let watts = run
                .series
                .iter()
                .filter_map(highest)
                .filter_map(|level| Some(rate(Some(level))? / gross(Some(level))?));
            let (least, most) = watts.fold((f64::INFINITY, 0.0_f64), |(least, most), watts| {
                (least.min(watts), most.max(watts))
            });
            marks.push(self.add(format!(
                "§4.2's efficiencies imply {least:.1} to {most:.1} W, while §2.1 observed 45 to 77 \
                 W"
            )));
            marks.push(self.add(format!(
                "the paper does not state the scope of the {:.0} W: almost certainly the GPU rail \
                 alone, while power at the wall is 60 to 90 W",
                claims.watts
            )));
        } else {
            marks.push(self.add(format!(
                "the {:.0} W are estimated, not measured, so the efficiency is an estimate as well",
                claims.watts
            )));
        }
        marks.join(" ")
    }
}
