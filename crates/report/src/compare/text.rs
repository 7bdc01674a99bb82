//! Text of a comparison for a terminal.

use harmonic_types::Interval;

use super::{ComparedLevel, ComparedModel, ComparedRatio, Comparison, Difference};
use crate::figure::{digits, or_absent, uncertainty};
use crate::terminal::grid;

/// Tables in the form of §4.1, with peaks and sweet spots.
pub fn text(comparison: &Comparison) -> String {
    let names = names(&comparison.subjects);
    let mut parts: Vec<String> =
        comparison.models.iter().map(|model| table(&names, model)).collect();
    if parts.is_empty() {
        parts.push(format!(
            "{} have no model in common, and more than one model each",
            comparison.subjects.join(" and ")
        ));
    }
    parts.extend(comparison.efficiency_refused.clone());
    parts.join("\n\n")
}

fn table(names: &[String], model: &ComparedModel) -> String {
    let (first, others) = (&names[0], &names[1..]);
    let mut header = vec!["Parallelism".to_owned()];
    header.extend(names.iter().cloned());
    for other in others {
        let one_only = others.len() == 1;
        header.push(if one_only { "Ratio".to_owned() } else { format!("over {other}") });
    }
    let any_interval = model.levels.iter().flat_map(|level| &level.ratios).flatten();
    let has_intervals =
        any_interval.clone().any(|ratio| ratio.difference != Difference::NoIntervals);
    // In words for two subjects; with more, the words would not fit the line.
    let in_words = has_intervals && others.len() == 1;
    if in_words {
        header.push(format!("{first} is"));
    }
    let rows: Vec<Vec<String>> = model.levels.iter().map(|level| row(level, in_words)).collect();
    let title =
        format!("{}: output tok/s, {first} over {}", model.model, others.join(" and over "));
    let mut lines = vec![title, String::new(), grid(&header, &rows, 0), String::new()];
    if has_intervals && !in_words {
        lines.push("▲ faster and ▼ slower beyond the 95% intervals, ≈ not told apart".to_owned());
        lines.push(String::new());
    }
    for (index, name) in names.iter().enumerate() {
        let peak =
            model.peaks[index].map(|(parallel, rate)| format!("{rate:.1} tok/s at {parallel}x"));
        let spot = match (model.sweet_spots[index], &model.withheld[index]) {
            (None, Some(why)) => format!("no sweet spot: {why}"),
            (spot, _) => {
                format!("sweet spot {}", or_absent(spot.map(|parallel| format!("{parallel}x"))))
            }
        };
        lines.push(format!("{name}: peak {}, {spot}", or_absent(peak)));
    }
    if model.levels.iter().any(|level| level.tok_per_w.iter().any(Option::is_some)) {
        lines.push(String::new());
        lines.push(efficiency(names, model));
    }
    lines.join("\n")
}

fn row(level: &ComparedLevel, in_words: bool) -> Vec<String> {
    let mut row = vec![format!("{}x", level.parallel)];
    row.extend(level.tok_s.iter().map(|rate| or_absent(rate.map(throughput))));
    let only = level.ratios.len() == 1;
    let ratio = |found: ComparedRatio| if only { ratio(found) } else { marked(found) };
    row.extend(level.ratios.iter().map(|found| or_absent(found.map(ratio))));
    if in_words {
        row.extend(
            level
                .ratios
                .iter()
                .map(|found| or_absent(found.map(|f| f.difference.word().to_owned()))),
        );
    }
    row
}

/// Throughput with the precision of the paper's table.
fn throughput(rate: Interval) -> String {
    match rate.ci95_high {
        Some(high) => format!("{:.1} ± {}", rate.mean, uncertainty(high - rate.mean)),
        None => format!("{:.1}", rate.mean),
    }
}

fn ratio(found: ComparedRatio) -> String {
    match (found.ratio.ci95_low, found.ratio.ci95_high) {
        (Some(low), Some(high)) => format!("{:.2}x ({low:.2} to {high:.2})", found.ratio.mean),
        _ => format!("{:.2}x", found.ratio.mean),
    }
}

fn marked(found: ComparedRatio) -> String {
    let mark = match found.difference {
        Difference::Faster => "▲",
        Difference::Slower => "▼",
        Difference::NotToldApart => "≈",
        Difference::NoIntervals => " ",
    };
    format!("{:.2}x {mark}", found.ratio.mean)
}

fn efficiency(names: &[String], model: &ComparedModel) -> String {
    let mut header = vec!["tok/W gross".to_owned()];
    header.extend(names.iter().cloned());
    let rows: Vec<Vec<String>> = model
        .levels
        .iter()
        .map(|level| {
            let figures = level.tok_per_w.iter().map(|figure| or_absent(figure.map(digits)));
            std::iter::once(format!("{}x", level.parallel)).chain(figures).collect()
        })
        .collect();
    grid(&header, &rows, 0)
}

/// Last components of the paths if they are distinct, else the whole paths.
pub(crate) fn names(subjects: &[String]) -> Vec<String> {
    let short: Vec<String> = subjects
        .iter()
        .map(|name| {
            let trimmed = name.trim_end_matches('/');
            trimmed.rsplit('/').next().unwrap_or(trimmed).to_owned()
        })
        .collect();
    let alike = (1..short.len()).any(|index| short[..index].contains(&short[index]));
    if alike { subjects.to_vec() } else { short }
}

#[cfg(test)]
mod tests {
    use super::names;

    #[test]
    fn folders_of_one_name_keep_their_paths() {
        let of = |subjects: &[&str]| {
            names(&subjects.iter().map(ToString::to_string).collect::<Vec<_>>())
        };
        assert_eq!(of(&["/runs/a/", "dgx-spark"]), ["a", "dgx-spark"]);
        assert_eq!(of(&["/mon/run", "/tue/run"]), ["/mon/run", "/tue/run"]);
    }
}
