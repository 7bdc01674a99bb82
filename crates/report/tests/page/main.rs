//! The pages in a real browser: they open without errors, and fit screens of any width in both colour
//! schemes; that of a benchmark shows one point per level.
#![expect(
    clippy::unwrap_used,
    reason = "a test fails by panicking; clippy sees only its root function"
)]

mod browser;
// The records of the unit tests.
#[path = "../../src/run/sample.rs"]
mod runs;

use harmonic_profiles::published;
use harmonic_report::{html, run};
use harmonic_types::{
    BenchRun, Finding, Interval, Percentiles, PowerFigures, PowerScope, SweetSpot, TokensPerJoule,
    TokensPerSecond, Watts, WindowResult,
};

use crate::browser::{Browser, Scheme};

/// The paper's record, completed with the figures of a measurement.
fn benchmark() -> BenchRun {
    let mut run = published("dgx-spark").unwrap();
    for level in run.series.iter_mut().flat_map(|series| &mut series.levels) {
        let mean = level.tok_s.unwrap().mean;
        level.tok_s =
            Some(Interval { mean, ci95_low: Some(mean * 0.97), ci95_high: Some(mean * 1.03) });
        let ms = 20.0 * f64::from(level.parallel);
        let times = Percentiles { mean: ms, sd: 3.0, p50: ms, p90: ms * 1.3, p99: ms * 2.0 };
        (level.ttft_ms, level.itl_ms) = (Some(times), Some(times));
        (level.tpot_ms, level.e2e_ms) = (Some(times), Some(times));
        let (watts, idle_watts) = (Watts(39.0), Some(Watts(12.0)));
        level.power = Some(PowerFigures { watts, idle_watts, scope: PowerScope::GpuBoard });
        level.tok_per_w = Some(TokensPerJoule { gross: mean / 39.0, net: Some(mean / 27.0) });
        level.roof_tok_s = Some(TokensPerSecond(mean * 1.2));
        let window = |share: f64| WindowResult {
            from_s: 0.0,
            to_s: 10.0,
            tok_s: TokensPerSecond(mean * share),
            joules: None,
        };
        level.windows = [0.99, 1.0, 1.01].map(window).to_vec();
    }
    run.stack = Some("full".to_owned());
    run.series[0].verdict.sweet_spot =
        Some(SweetSpot { parallel: 24, reason: "not distinguishable from the peak".to_owned() });
    run.warnings.push(Finding::new("no-power", "no power was measured", "read & <measure>"));
    run
}

/// [`benchmark`] with the first model only, whose chart has references, too.
fn one_model() -> BenchRun {
    let mut run = benchmark();
    run.series.truncate(1);
    run
}

#[test]
fn a_browser_shows_every_level_and_has_nothing_to_complain_of() {
    let run = benchmark();
    let browser = Browser::new();
    let shown = browser.open(&html::render(&run));
    let levels: usize = run.series.iter().map(|series| series.levels.len()).sum();
    assert_eq!(shown.matches(r#"class="point""#).count(), levels, "{shown}");
    assert!(shown.contains("Read &amp; &lt;measure&gt;"), "{shown}");
}

#[test]
fn the_page_fits_every_width_in_both_schemes() {
    let browser = Browser::new();
    for run in [benchmark(), one_model()] {
        let page = html::render(&run);
        for scheme in [Scheme::Light, Scheme::Dark] {
            for (width, chart) in
                [(320, "360"), (390, "360"), (760, "360"), (800, "860"), (1280, "860")]
            {
                let found = browser.inspect(&page, width, scheme);
                let seen = format!("{width} px, {scheme:?}: {found:#?}");
                assert_eq!(found.faults, Vec::<String>::new(), "{seen}");
                assert_eq!(found.fact("scheme"), scheme.name(), "{seen}");
                assert_eq!(found.fact("requests"), "0", "{seen}");
                assert_eq!(found.fact("widths").split(' ').next(), Some(chart), "{seen}");
                assert_eq!(found.fact("scrolls"), "true", "{seen}");
            }
        }
    }
}

#[test]
fn the_page_of_a_run_fits_every_width_in_both_schemes() {
    let browser = Browser::new();
    for record in [runs::small(), runs::wide(), runs::hostile()] {
        let page = run::html(&record).replace("<details>", "<details open>");
        let shown = browser.open(&page);
        assert_eq!(shown.matches("<details open").count(), record.tasks.len());
        for scheme in [Scheme::Light, Scheme::Dark] {
            for (width, chart) in
                [(320, "360"), (390, "360"), (760, "360"), (800, "860"), (1280, "860")]
            {
                let found = browser.inspect(&page, width, scheme);
                let seen = format!("{width} px, {scheme:?}: {found:#?}");
                assert_eq!(found.faults, Vec::<String>::new(), "{seen}");
                assert_eq!(found.fact("scheme"), scheme.name(), "{seen}");
                assert_eq!(found.fact("requests"), "0", "{seen}");
                // The graph, then the timeline.
                assert_eq!(found.fact("widths").split(' ').nth(1), Some(chart), "{seen}");
            }
        }
    }
}

#[test]
fn the_inspection_sees_faults() {
    let bad = "svg text { font-size: 30px !important; fill: #999 !important }\
               body { min-width: 1500px } .scroll { background: none !important }";
    let page = html::render(&benchmark()).replace("</style>", &format!("{bad}</style>"));
    let found = Browser::new().inspect(&page, 1280, Scheme::Light);
    for fault in ["the page is 1500 px wide", "contrast 2.85", " on ", "cut off", "no shadow"] {
        assert!(found.faults.iter().any(|found| found.contains(fault)), "{fault}: {found:#?}");
    }
}
