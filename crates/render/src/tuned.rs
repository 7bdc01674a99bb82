//! Comparisons of settings as text.

use harmonic_layout::{Column, Table, Width};
use harmonic_types::{Interval, KvLayout, TuneAxis, TuneCandidate, TuneComparison, TunedConfig};

use super::lines::{labelled, list_item};

/// Comparisons of `axes` with the selected setting, for every model.
pub fn text(configs: &[TunedConfig], axes: &[TuneAxis], width: Width) -> String {
    let parts = configs.iter().flat_map(|config| {
        let compared = config.comparisons.iter().filter(|made| axes.contains(&made.axis));
        compared.map(|comparison| comparison_text(config, comparison, width))
    });
    let mut parts: Vec<String> = parts.collect();
    parts.push("The next plan uses the selected settings (see `harmonic plan`).".to_owned());
    parts.join("\n\n")
}

fn comparison_text(config: &TunedConfig, comparison: &TuneComparison, width: Width) -> String {
    let TuneComparison { axis, parallel, candidates, .. } = comparison;
    let subject = match axis {
        TuneAxis::Formats => "weight formats",
        TuneAxis::Layouts => "layouts of the KV cache",
        TuneAxis::Threads => "threads",
        TuneAxis::KvTypes => "types of the KV cache",
    };
    let mut lines = vec![format!("{}: {subject} at {parallel}x", config.key.model)];
    lines.push(match axis {
        TuneAxis::Formats => formats(comparison, width),
        TuneAxis::KvTypes => kv_types(comparison, width),
        TuneAxis::Layouts | TuneAxis::Threads => settings(comparison, width),
    });
    let reasons = candidates.iter().filter_map(|candidate| {
        let reason = candidate.reason.as_ref()?;
        Some(list_item(&format!("{}: {reason}", setting(*axis, candidate)), width))
    });
    lines.extend(reasons);
    lines.push(labelled("selected", &selection(comparison), width));
    lines.join("\n")
}

fn formats(comparison: &TuneComparison, width: Width) -> String {
    let row = |(index, candidate): (usize, &TuneCandidate)| {
        let nats = candidate.divergence.map(|divergence| divergence.nats_per_token);
        [
            setting(comparison.axis, candidate),
            candidate.weights_bytes.to_string(),
            nats.map_or_else(|| "–".to_owned(), |nats| format!("{nats:.5}")),
            mean(candidate.tok_s),
            half_width(candidate.tok_s),
            mark(comparison, index),
        ]
    };
    let rows = comparison.candidates.iter().enumerate().map(row);
    let columns = [
        Column::text("format"),
        Column::figure("weights").leaves(1),
        Column::figure("KL nats/token"),
        Column::figure("tok/s"),
        Column::figure("± 95%"),
        Column::text("").wraps(),
    ];
    Table::new(columns, rows).text(width)
}

fn kv_types(comparison: &TuneComparison, width: Width) -> String {
    let row = |(index, candidate): (usize, &TuneCandidate)| {
        let nats = candidate.divergence.map(|divergence| divergence.nats_per_token);
        [
            setting(comparison.axis, candidate),
            nats.map_or_else(|| "–".to_owned(), |nats| format!("{nats:.5}")),
            mean(candidate.tok_s),
            half_width(candidate.tok_s),
            mark(comparison, index),
        ]
    };
    let rows = comparison.candidates.iter().enumerate().map(row);
    let columns = [
        Column::text("KV cache"),
        Column::figure("KL nats/token"),
        Column::figure("tok/s"),
        Column::figure("± 95%"),
        Column::text("").wraps(),
    ];
    Table::new(columns, rows).text(width)
}

fn settings(comparison: &TuneComparison, width: Width) -> String {
    let row = |(index, candidate): (usize, &TuneCandidate)| {
        [
            setting(comparison.axis, candidate),
            mean(candidate.tok_s),
            half_width(candidate.tok_s),
            mark(comparison, index),
        ]
    };
    let rows = comparison.candidates.iter().enumerate().map(row);
    let columns = [
        Column::text("setting").wraps(),
        Column::figure("tok/s"),
        Column::figure("± 95%"),
        Column::text("").wraps(),
    ];
    Table::new(columns, rows).text(width)
}

/// The compared setting of a candidate.
pub fn setting(axis: TuneAxis, candidate: &TuneCandidate) -> String {
    match axis {
        TuneAxis::Formats => candidate.format.clone(),
        TuneAxis::KvTypes => candidate.kv_type.to_string(),
        TuneAxis::Layouts => layout(candidate.kv_layout).to_owned(),
        TuneAxis::Threads => {
            format!("{} for the engine, {} for HTTP", candidate.threads, candidate.http_threads)
        }
    }
}

/// Name of a layout.
pub fn layout(layout: KvLayout) -> &'static str {
    match layout {
        KvLayout::Streams => "streams",
        KvLayout::Unified => "unified",
    }
}

fn mark(comparison: &TuneComparison, index: usize) -> String {
    let selected = if index == comparison.chosen { "◆ selected" } else { "" };
    let used = if index == comparison.present { "in use before" } else { "" };
    [selected, used].into_iter().filter(|mark| !mark.is_empty()).collect::<Vec<_>>().join(", ")
}

fn mean(tok_s: Option<Interval>) -> String {
    tok_s.map_or_else(|| "–".to_owned(), |rate| format!("{:.1}", rate.mean))
}

fn half_width(tok_s: Option<Interval>) -> String {
    let half = tok_s.and_then(|rate| Some((rate.ci95_high? - rate.ci95_low?) / 2.0));
    half.map_or_else(|| "–".to_owned(), |half| format!("{half:.1}"))
}

/// Reason for the selection.
fn selection(comparison: &TuneComparison) -> String {
    let TuneComparison { axis, present, chosen, candidates, .. } = comparison;
    let name = |index: usize| {
        candidates.get(index).map(|candidate| setting(*axis, candidate)).unwrap_or_default()
    };
    if *axis == TuneAxis::KvTypes {
        return format!("{}: q8_0 is used only where the memory budget requires it", name(*chosen));
    }
    if chosen == present {
        return format!("{}, as before: no other is significantly faster", name(*chosen));
    }
    let rate = |index: usize| candidates.get(index).and_then(|c| c.tok_s).map(|rate| rate.mean);
    let times = match (rate(*chosen), rate(*present)) {
        (Some(now), Some(before)) if before > 0.0 => format!("{:.2} times", now / before),
        _ => "faster than".to_owned(),
    };
    format!("{}: {times} {}", name(*chosen), name(*present))
}

#[cfg(test)]
mod tests {
    use harmonic_types::{Bytes, CurveKey, Divergence, KvType, Provenance};

    use super::*;

    fn candidate(
        format: &str,
        mb: u64,
        nats: Option<f64>,
        rate: Option<[f64; 2]>,
    ) -> TuneCandidate {
        TuneCandidate {
            format: format.to_owned(),
            digest: None,
            weights_bytes: Bytes(mb * 1_000_000),
            divergence: nats.map(|nats_per_token| Divergence { nats_per_token, tokens: 923 }),
            kv_layout: KvLayout::Streams,
            kv_type: KvType::F16,
            threads: 2,
            http_threads: 1,
            tok_s: rate.map(|[mean, half]| Interval {
                mean,
                ci95_low: Some(mean - half),
                ci95_high: Some(mean + half),
            }),
            reason: None,
        }
    }

    fn config(comparisons: Vec<TuneComparison>) -> TunedConfig {
        TunedConfig {
            schema: TunedConfig::SCHEMA.to_owned(),
            key: CurveKey {
                machine: "a machine".to_owned(),
                model: "smollm2:135m".to_owned(),
                digest: None,
                format: None,
                engine: "llama.cpp/1".to_owned(),
                context: None,
            },
            parallel: 32,
            kv_layout: None,
            threads: None,
            quantised_kv: None,
            comparisons,
            provenance: Provenance::Measured,
        }
    }

    /// Figures of the order of those in `docs/sources.md#decode-by-format`.
    #[test]
    fn a_comparison_of_formats_shows_what_each_costs_and_gives() {
        let mut far = candidate("Q4_0", 92, Some(0.0532), Some([592.4, 21.0]));
        far.reason = Some("KL divergence is not below 0.01".to_owned());
        let mut large = candidate("F16", 269, None, None);
        large.reason = Some("the memory budget would give an agent less".to_owned());
        let formats = TuneComparison {
            axis: TuneAxis::Formats,
            parallel: 32,
            present: 0,
            chosen: 2,
            candidates: vec![
                candidate("Q4_1", 98, None, Some([220.1, 8.0])),
                large,
                candidate("BF16", 269, Some(0.0021), Some([688.0, 30.2])),
                far,
            ],
        };
        let layouts = TuneComparison {
            axis: TuneAxis::Layouts,
            parallel: 32,
            present: 0,
            chosen: 0,
            candidates: vec![
                candidate("BF16", 269, None, Some([688.0, 30.2])),
                TuneCandidate {
                    kv_layout: KvLayout::Unified,
                    ..candidate("BF16", 269, None, Some([650.0, 20.0]))
                },
            ],
        };
        let configs = [config(vec![formats, layouts])];
        let shown = text(&configs, &[TuneAxis::Formats, TuneAxis::Layouts], Width::UNLIMITED);
        insta::assert_snapshot!(shown, @"
        smollm2:135m: weight formats at 32x
         format   weights  KL nats/token  tok/s  ± 95%
        ──────────────────────────────────────────────────────────────
         Q4_1     98.0 MB              –  220.1    8.0  in use before
         F16     269.0 MB              –      –      –
         BF16    269.0 MB        0.00210  688.0   30.2  ◆ selected
         Q4_0     92.0 MB        0.05320  592.4   21.0
        F16: the memory budget would give an agent less
        Q4_0: KL divergence is not below 0.01
        selected  BF16: 3.13 times Q4_1

        smollm2:135m: layouts of the KV cache at 32x
         setting  tok/s  ± 95%
        ──────────────────────────────────────────────────
         streams  688.0   30.2  ◆ selected, in use before
         unified  650.0   20.0
        selected  streams, as before: no other is significantly faster

        The next plan uses the selected settings (see `harmonic plan`).
        ");
        assert!(
            !text(&configs, &[TuneAxis::Layouts], Width::UNLIMITED).contains("Q4_0"),
            "not asked for"
        );
    }
}
