//! Text of a comparison for a terminal.

use harmonic_layout::{Column, Table, Width, wrap_lines};
use harmonic_types::Interval;

use super::{ComparedLevel, ComparedModel, ComparedRatio, Comparison, Difference};
use crate::number_format::{digits, or_absent, uncertainty};

/// Tables in the form of §4.1, with peaks and sweet spots.
pub fn text(comparison: &Comparison, width: Width) -> String {
    let names = names(&comparison.subjects);
    let mut parts: Vec<String> =
        comparison.models.iter().map(|model| compared(&names, model, width)).collect();
    if parts.is_empty() {
        let subjects = comparison.subjects.join(", ");
        parts.push(wrap_lines(&format!("nothing to compare: a run of {subjects} is empty"), width));
    }
    let refused = comparison.efficiency_refused.as_ref();
    parts.extend(refused.map(|reason| wrap_lines(reason, width)));
    parts.join("\n\n")
}

fn compared(names: &[String], model: &ComparedModel, width: Width) -> String {
    let (first, others) = (&names[0], &names[1..]);
    let mut ratios = model.levels.iter().flat_map(|level| &level.ratios).flatten();
    let has_intervals = ratios.any(|ratio| ratio.difference != Difference::NoIntervals);
    // In words for two subjects; with more, the words would not fit the line.
    let in_words = has_intervals && others.len() == 1;
    let title = match &model.ratio_refused {
        None => {
            format!("{}: output tok/s, {first} over {}", model.model, others.join(" and over "))
        }
        Some(_) => "output tok/s, side by side".to_owned(),
    };
    let mut lines = vec![wrap_lines(&title, width), String::new()];
    lines.extend([throughputs(names, model, in_words, width), String::new()]);
    if has_intervals && !in_words {
        let legend = "▲ faster and ▼ slower beyond the 95% intervals, ≈ not told apart";
        lines.extend([wrap_lines(legend, width), String::new()]);
    }
    for (index, name) in names.iter().enumerate() {
        let spot = match (model.sweet_spots[index], &model.withheld[index]) {
            (None, Some(why)) => format!("no sweet spot: {why}"),
            (spot, _) => {
                format!("sweet spot {}", or_absent(spot.map(|parallel| format!("{parallel}x"))))
            }
        };
        lines.push(wrap_lines(&format!("{name}: {}, {spot}", highest(model, index)), width));
    }
    if let Some(reason) = &model.ratio_refused {
        lines.extend([String::new(), wrap_lines(reason, width)]);
    }
    if model.levels.iter().any(|level| level.tok_per_w.iter().any(Option::is_some)) {
        lines.extend([String::new(), efficiency(names, model, width)]);
    }
    lines.join("\n")
}

/// Peak of the subject `index`; where its verdict is withheld, its highest level.
fn highest(model: &ComparedModel, index: usize) -> String {
    if let Some((parallel, rate)) = model.peaks[index] {
        return format!("peak {rate:.1} tok/s at {parallel}x");
    }
    let rates = model.levels.iter().filter_map(|level| Some((level.parallel, level.tok_s[index]?)));
    match rates.max_by(|(_, one), (_, other)| one.mean.total_cmp(&other.mean)) {
        Some((parallel, rate)) => format!("highest {:.1} tok/s at {parallel}x", rate.mean),
        None => "no level has figures".to_owned(),
    }
}

fn throughputs(names: &[String], model: &ComparedModel, in_words: bool, width: Width) -> String {
    let (first, others) = (&names[0], &names[1..]);
    let has_ratio = model.ratio_refused.is_none();
    let mut columns = vec![Column::figure("Parallelism")];
    columns.extend(names.iter().zip(&model.names).map(|(name, of)| {
        Column::figure(if has_ratio { name.clone() } else { format!("{name}: {of}") })
    }));
    if has_ratio {
        columns.extend(others.iter().map(|other| match others.len() {
            1 => Column::figure("Ratio"),
            _ => Column::figure(format!("over {other}")),
        }));
    }
    if in_words {
        columns.push(Column::figure(format!("{first} is")));
    }
    let rows = model.levels.iter().map(|level| row(level, has_ratio, in_words));
    Table::new(columns, rows).text(width)
}

fn row(level: &ComparedLevel, has_ratio: bool, in_words: bool) -> Vec<String> {
    let mut row = vec![format!("{}x", level.parallel)];
    row.extend(level.tok_s.iter().map(|rate| or_absent(rate.map(throughput))));
    let only = level.ratios.len() == 1;
    let ratio = |found: ComparedRatio| if only { ratio(found) } else { marked(found) };
    if has_ratio {
        row.extend(level.ratios.iter().map(|found| or_absent(found.map(ratio))));
    }
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

fn efficiency(names: &[String], model: &ComparedModel, width: Width) -> String {
    let columns = std::iter::once("tok/W gross").chain(names.iter().map(String::as_str));
    let rows = model.levels.iter().map(|level| {
        let figures = level.tok_per_w.iter().map(|figure| or_absent(figure.map(digits)));
        std::iter::once(format!("{}x", level.parallel)).chain(figures).collect::<Vec<_>>()
    });
    Table::new(columns.map(Column::figure), rows).text(width)
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
