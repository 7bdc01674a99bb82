//! Sources of a run's figures, in words.
//!
//! Owns: the words for the JSON pointers of a record's provenance.
//!
//! Invariants: no line has a JSON path, also for pointers that this build does not know.

use harmonic_types::{BenchRun, Provenance};

/// One line per kind of source, with the figures that have it.
pub(crate) fn lines(run: &BenchRun) -> Vec<String> {
    let kinds = [
        (Provenance::Measured, "measured"),
        (Provenance::Paper, "from the paper"),
        (Provenance::Declared, "declared"),
        (Provenance::Estimated, "estimated"),
    ];
    let line = |(kind, word): (Provenance, &str)| {
        let of_kind = run.provenance.iter().filter(|(_, source)| **source == kind);
        let figures: Vec<String> = of_kind.map(|(pointer, _)| words(pointer, run)).collect();
        (!figures.is_empty()).then(|| format!("{word}: {}", figures.join(", ")))
    };
    kinds.into_iter().filter_map(line).collect()
}

/// The figures at a pointer.
fn words(pointer: &str, run: &BenchRun) -> String {
    let parts: Vec<&str> = pointer.split('/').skip(1).collect();
    match parts.as_slice() {
        [] | [""] => "all figures".to_owned(),
        ["series"] => "all figures of the levels".to_owned(),
        ["series", series] => format!("all figures of {}", model(series, run)),
        ["series", "*", "levels", "*", field] => format!("{} at each level", figure(field)),
        ["series", series, "levels", level] => {
            format!("the figures of {} at {}", model(series, run), place(series, level, run))
        }
        ["series", series, "levels", level, field] => {
            let (model, place) = (model(series, run), place(series, level, run));
            format!("{} of {model} at {place}", figure(field))
        }
        ["workload"] => "the load".to_owned(),
        ["workload", field] => figure(field),
        // The last part is the most specific.
        others => {
            let words = others.iter().rev().map(|part| figure(part));
            words.collect::<Vec<_>>().join(" of ")
        }
    }
}

fn model(index: &str, run: &BenchRun) -> String {
    let found = index.parse().ok().and_then(|index: usize| run.series.get(index));
    found.map_or_else(|| "each model".to_owned(), |series| series.model.clone())
}

fn place(series: &str, level: &str, run: &BenchRun) -> String {
    let series = series.parse().ok().and_then(|index: usize| run.series.get(index));
    let level = level.parse().ok().and_then(|index: usize| series?.levels.get(index));
    level.map_or_else(|| "each level".to_owned(), |level| format!("{}x", level.parallel))
}

/// Name of a field, as it stands in tables.
fn figure(field: &str) -> String {
    let known = match field {
        "tok_s" => "throughput",
        "per_stream_tok_s" => "throughput per stream",
        "roof_tok_s" => "the roof",
        "ttft_ms" => "TTFT",
        "itl_ms" => "ITL",
        "tpot_ms" => "TPOT",
        "e2e_ms" => "E2E",
        "tok_per_w" => "efficiency",
        "sensors" => "temperature and clock",
        "prompt_tokens" => "tokens of the prompts",
        "*" => "each",
        other => return other.replace(['_', '~'], " "),
    };
    known.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;

    #[test]
    fn sources_are_told_in_words() {
        let mut run = sample::two();
        run.provenance = [
            ("/series", Provenance::Measured),
            ("/series/*/levels/*/roof_tok_s", Provenance::Estimated),
            ("/series/1", Provenance::Paper),
            ("/series/1/levels/2/tok_per_w", Provenance::Estimated),
            ("/workload", Provenance::Declared),
            ("/workload/prompt_tokens", Provenance::Measured),
        ]
        .map(|(pointer, source)| (pointer.to_owned(), source))
        .into();
        insta::assert_snapshot!(lines(&run).join("\n"), @r"
        measured: all figures of the levels, tokens of the prompts
        from the paper: all figures of gemma3:270m
        declared: the load
        estimated: the roof at each level, efficiency of gemma3:270m at 4x
        ");
    }

    #[test]
    fn no_pointer_is_shown_as_a_path() {
        let pointers =
            ["", "/", "/series/99", "/series/0/levels/99/tok_s", "/new_part/3/one_figure", "odd"];
        for pointer in pointers {
            let words = words(pointer, &sample::run());
            assert!(!words.is_empty() && !words.contains(['/', '_']), "{pointer}: {words}");
        }
    }
}
