//! What a run measured, in words.
//!
//! Owns: title and subtitle of reports and charts: stack, machine, models with their weight formats,
//! engine, date.
//!
//! Invariants: the address of a server on the machine that generated the load is no name: its port
//! may be a random one.

use harmonic_types::{BenchRun, Series};

use crate::method::day_and_time;
use crate::number_format::printable;

/// Most models that a title names.
const MOST_MODELS: usize = 3;

/// Title of a run: `Stack standard on AMD EPYC 9B14`; without a stack, its models.
pub(crate) fn title(run: &BenchRun) -> String {
    let what = match &run.stack {
        Some(stack) => format!("Stack {}", printable(stack)),
        None => match run.series.len() {
            0 => "Benchmark".to_owned(),
            1..=MOST_MODELS => models(run),
            count => format!("{count} models"),
        },
    };
    format!("{what} on {}", machine(run))
}

/// Facts of a run below its title: models unless the title has them, engine, date.
pub(crate) fn facts(run: &BenchRun) -> Vec<String> {
    let mut facts: Vec<String> = match (&run.stack, run.series.as_slice()) {
        (None, [one]) => format(one).map(printable).into_iter().collect(),
        (None, series) if series.len() <= MOST_MODELS => Vec::new(),
        (_, series) => series.iter().map(model).collect(),
    };
    facts.extend(engine(run));
    facts.extend(date(run));
    facts
}

/// [`facts`] in one line.
pub(crate) fn subtitle(run: &BenchRun) -> String {
    facts(run).join(" · ")
}

/// Machine of the target: its name, else the host that generated the load if they are the same, else
/// the target's address.
pub(crate) fn machine(run: &BenchRun) -> String {
    let of_curve = || run.series.iter().find_map(|series| Some(&series.key.as_ref()?.machine));
    let name = match run.machine.as_ref().or_else(of_curve) {
        Some(name) => name,
        None if !run.environment.is_empty() || is_loopback(&run.target) => &run.host,
        None => run.target.split_once("://").map_or(run.target.as_str(), |(_, rest)| rest),
    };
    printable(name.trim_end_matches('/'))
}

/// Name of a series' model, with its weight format: `smollm2:135m F16`.
pub(crate) fn model(series: &Series) -> String {
    let name = printable(&series.model);
    match format(series) {
        Some(format) => format!("{name} {}", printable(format)),
        None => name,
    }
}

/// Date and time of a run's start; `None` if the record does not state it.
pub(crate) fn date(run: &BenchRun) -> Option<String> {
    run.began_unix_ms.map(day_and_time)
}

fn models(run: &BenchRun) -> String {
    let names: Vec<String> = run.series.iter().map(|series| printable(&series.model)).collect();
    names.join(", ")
}

fn format(series: &Series) -> Option<&str> {
    series.key.as_ref()?.format.as_deref()
}

/// Engine build of all series, if it is one.
fn engine(run: &BenchRun) -> Option<String> {
    let mut engines = run.series.iter().map(|series| Some(&series.key.as_ref()?.engine));
    let first = engines.next()??;
    engines.all(|engine| engine == Some(first)).then(|| printable(&first.replace('/', " ")))
}

fn is_loopback(target: &str) -> bool {
    let host = target.split_once("://").map_or(target, |(_, rest)| rest);
    ["127.", "localhost", "[::1]"].iter().any(|loopback| host.starts_with(loopback))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;

    #[test]
    fn a_title_names_stack_and_machine_and_never_a_local_port() {
        let mut run = sample::run();
        assert_eq!(title(&run), "Stack starter on AMD EPYC 9B14");
        run.stack = None;
        assert_eq!(title(&run), "smollm2:135m on AMD EPYC 9B14");
        (run.machine, run.series[0].key) = (None, None);
        assert_eq!(title(&run), "smollm2:135m on here");
        run.environment.clear();
        for local in ["http://127.0.0.1:37261", "http://localhost:37261/", "http://[::1]:37261"] {
            local.clone_into(&mut run.target);
            assert_eq!(title(&run), "smollm2:135m on here");
        }
        "https://gpu.example:8443/".clone_into(&mut run.target);
        assert_eq!(title(&run), "smollm2:135m on gpu.example:8443");
        assert_eq!(title(&sample::nothing()), "Stack starter on AMD EPYC 9B14");
    }

    #[test]
    fn a_subtitle_has_what_the_title_lacks() {
        assert_eq!(
            subtitle(&sample::run()),
            "smollm2:135m F16 · llama.cpp 11434 · 2026-11-30 00:53 UTC"
        );
        let spark = sample::published("dgx-spark");
        assert_eq!(title(&spark), "8 models on SPARKY, an NVIDIA DGX Spark");
        assert!(subtitle(&spark).ends_with("creative_director · qwen3:14b · ollama 0.15"));
    }
}
