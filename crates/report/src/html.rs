//! `report.html`: a run as a self-contained page.
//!
//! Owns: the content and order of the page: verdict, warnings, curves, tables, method.
//!
//! Invariants: no scripts and no external references; light or dark by the reader's preference; all
//! text from a record is escaped; one element of class `point` per level with a figure.

use harmonic_types::{BenchRun, Finding, Series, Trend};
use maud::{DOCTYPE, Markup, PreEscaped, html};

use crate::number_format::{digits, printable, sentence, with_units};
use crate::terminal::{fit_lines, why_no_sweet_spot};
use crate::{chart, method, palette, real_time, title};

mod charts;
mod figures;
mod table;

const STYLE: &str = include_str!("html/style.css");

/// Page of a run.
pub fn render(run: &BenchRun) -> String {
    let title = title::title(run);
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) }
                style { (PreEscaped(palette::properties())) (PreEscaped(STYLE)) (PreEscaped(chart::sheet())) }
            }
            body {
                header {
                    p class="kind" { "harmonic bench, protocol " (printable(&run.protocol)) }
                    h1 { (title) }
                    p {
                        @for (index, fact) in title::facts(run).iter().enumerate() {
                            @if index > 0 { " · " }
                            // A date is not broken at its hyphens.
                            span class="fact" { (fact) }
                        }
                    }
                }
                main {
                    section { (verdicts(run)) }
                    @if !run.warnings.is_empty() { (warnings(&run.warnings)) }
                    (figures::throughput(run))
                    @for series in &run.series {
                        section {
                            h2 { (title::model(series)) }
                            (figures::of_series(series))
                            @if !series.levels.is_empty() { (table::levels(series)) }
                        }
                    }
                    (method_of(run))
                }
            }
        }
    };
    page.into_string()
}

/// Verdict of each series, in words and large figures.
fn verdicts(run: &BenchRun) -> Markup {
    html! {
        @for series in &run.series {
            div class="verdict" {
                @if run.series.len() > 1 { h2 { (title::model(series)) } }
                dl class="facts" {
                    @for (name, figure, about) in facts(series) {
                        div { dt { (name) } dd { (figure) } dd class="about" { (about) } }
                    }
                }
                @if let Some(spot) = &series.verdict.sweet_spot {
                    p { "Sweet spot " strong { (spot.parallel) "x" } ": " (prose(&spot.reason)) "." }
                } @else {
                    p { "No sweet spot: " (prose(&why_no_sweet_spot(series))) "." }
                }
                @if let Some(conclusion) = real_time::conclusion(run, series) {
                    p { (prose(&sentence(&conclusion))) "." }
                }
                @for line in fit_lines(series) { p class="faint" { (prose(&line)) } }
            }
        }
    }
}

fn facts(series: &Series) -> Vec<(&'static str, String, String)> {
    let verdict = &series.verdict;
    let mut facts = Vec::new();
    let at = |parallel: u32| series.levels.iter().find(|level| level.parallel == parallel);
    if let Some(spot) = &verdict.sweet_spot {
        let rate = at(spot.parallel).and_then(|level| level.tok_s);
        let about = rate.map_or_else(String::new, |rate| format!("{} tok/s", digits(rate.mean)));
        facts.push(("sweet spot", format!("{}x", spot.parallel), about));
    }
    if let Some(peak) = verdict.peak {
        let about = match verdict.trend {
            Some(Trend::Rising) => format!("at {}x, still rising: no peak in range", peak.parallel),
            Some(Trend::Plateau) => format!("at {}x, on a plateau", peak.parallel),
            Some(Trend::PastPeak) | None => format!("at {}x", peak.parallel),
        };
        facts.push(("highest throughput", format!("{} tok/s", digits(peak.tok_s.0)), about));
    }
    if let Some(cliff) = verdict.cliff {
        let about = "beyond the 95% intervals".to_owned();
        facts.push(("cliff", format!("{}x", cliff.parallel), about));
    }
    let best =
        series.levels.iter().filter_map(|level| Some((level, level.tok_per_w?, level.power?)));
    let best = best.max_by(|(_, one, _), (_, other, _)| one.gross.total_cmp(&other.gross));
    if let Some((level, efficiency, power)) = best {
        let scope = crate::number_format::scope(power.scope);
        let about = format!("at {}x, power of the {scope}", level.parallel);
        facts.push(("best efficiency", format!("{:.2} tok/W", efficiency.gross), about));
    }
    facts
}

fn warnings(warnings: &[Finding]) -> Markup {
    html! {
        section class="warnings" {
            h2 { "Warnings" }
            ul {
                @for warning in warnings {
                    li {
                        code { (printable(&warning.code)) } " " (with_code(&sentence(&warning.message))) ". "
                        span class="hint" { (with_code(&sentence(&warning.hint))) "." }
                    }
                }
            }
        }
    }
}

/// Text with the parts between backticks set as code.
fn with_code(text: &str) -> Markup {
    let text = prose(text);
    html! {
        @for (index, part) in text.split('`').enumerate() {
            @if index % 2 == 0 { (part) }
            @else { code class=[is_word(part).then_some("word")] { (part) } }
        }
    }
}

/// Whether `code` is one short word, which is not broken at its hyphens.
fn is_word(code: &str) -> bool {
    code.chars().count() <= 24 && !code.contains(char::is_whitespace)
}

/// Text from a record, whose numbers stay in a line with their units.
fn prose(text: &str) -> String {
    with_units(&printable(text))
}

fn method_of(run: &BenchRun) -> Markup {
    html! {
        section {
            h2 { "Method" }
            ul { @for line in method::lines(run) { li { (prose(&line)) } } }
            @if !run.environment.is_empty() {
                h2 { "Machine" }
                ul { @for line in &run.environment { li { (prose(line)) } } }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use harmonic_types::Verdict;

    use super::*;
    use crate::sample;

    #[test]
    fn a_page_refers_to_nothing_outside_and_escapes_what_it_is_told() {
        let mut run = sample::two();
        run.series[0].model = "<script>alert('&')</script>\u{1b}[2J".to_owned();
        let page = render(&run);
        let without_namespace = page.replace("http://www.w3.org/2000/svg", "");
        let address = without_namespace.replace("http://127.0.0.1:4276", "");
        for outside in ["http:", "https:", "src=", "href=", "@import", "url(", "<script"] {
            assert!(!address.contains(outside), "{outside}");
        }
        assert!(page.contains("&lt;script&gt;") && !page.contains('\u{1b}'));
        assert!(page.contains("<title>Stack starter on AMD EPYC 9B14</title>"), "{page}");
        let levels: usize = run.series.iter().map(|series| series.levels.len()).sum();
        assert_eq!(page.matches(r#"class="point""#).count(), levels);
    }

    #[test]
    fn a_verdict_that_is_withheld_says_why() {
        let page = render(&sample::busy());
        assert!(
            page.contains("No sweet spot: the machine was busy: other programs used 0.98 of 2")
        );
        assert!(!page.contains("still rising"), "{page}");
    }

    #[test]
    fn every_model_has_charts_that_name_it() {
        let page = render(&sample::two());
        for model in ["smollm2:135m F16", "gemma3:270m F16"] {
            for chart in ["TTFT", "ITL"] {
                let label = format!(r#"aria-label="{model}: {chart} over sequences in flight""#);
                assert!(page.contains(&label), "{label}");
            }
        }
    }

    #[test]
    fn what_has_no_figure_is_left_out() {
        let mut run = sample::died();
        run.series[0].levels.remove(0);
        run.series[0].verdict = harmonic_types::Verdict::default();
        let page = render(&run);
        assert!(!page.contains("<svg") && !page.contains(">verdict</th>"), "{page}");
        assert!(page.contains(">failed</th>"), "{page}");
        assert!(render(&sample::run()).contains(">verdict</th>"));
    }

    #[test]
    fn an_option_and_a_number_with_its_unit_are_not_broken() {
        let mut run = sample::run();
        let hint = "run without `--quick`, or for 30 s with `harmonic bench --thorough`";
        run.warnings.push(Finding::new("not-steady", "1x (no window within 9 s)", hint));
        let page = render(&run);
        assert!(page.contains(r#"<code class="word">--quick</code>"#), "{page}");
        assert!(page.contains("<code>harmonic bench --thorough</code>"), "{page}");
        assert!(page.contains("within 9\u{a0}s)") && page.contains("for 30\u{a0}s with"), "{page}");
    }

    #[test]
    fn runs_without_figures_have_a_page_too() {
        for run in [sample::nothing(), sample::died(), sample::open()] {
            let page = render(&run);
            assert!(page.ends_with("</html>") && !page.contains("NaN"), "{page}");
        }
    }

    #[test]
    fn without_figures_there_is_neither_an_axis_nor_a_column_of_verdicts() {
        let mut run = sample::two();
        assert!(render(&run).contains(">verdict<"));
        for series in &mut run.series {
            series.verdict = Verdict::default();
            for level in &mut series.levels {
                (level.tok_s, level.ttft_ms, level.itl_ms) = (None, None, None);
                (level.power, level.tok_per_w) = (None, None);
            }
        }
        let page = render(&run);
        assert!(!page.contains("<svg") && !page.contains(">verdict<"), "{page}");
    }
}
