//! The page in a real browser: it opens without errors and shows one point per level.
#![expect(
    clippy::unwrap_used,
    reason = "a test fails by panicking; clippy sees only its root function"
)]

use std::path::Path;
use std::process::{Command, Output};

use harmonic_profiles::published;
use harmonic_report::html;
use harmonic_types::{BenchRun, Finding, Interval, Percentiles, TokensPerSecond, WindowResult};

/// The paper's record, completed with the figures of a measurement.
fn run() -> BenchRun {
    let mut run = published("dgx-spark").unwrap();
    for level in run.series.iter_mut().flat_map(|series| &mut series.levels) {
        let mean = level.tok_s.unwrap().mean;
        level.tok_s =
            Some(Interval { mean, ci95_low: Some(mean * 0.97), ci95_high: Some(mean * 1.03) });
        let ms = 20.0 * f64::from(level.parallel);
        let times = Percentiles { mean: ms, sd: 3.0, p50: ms, p90: ms * 1.3, p99: ms * 2.0 };
        (level.ttft_ms, level.itl_ms) = (Some(times), Some(times));
        let window = |share: f64| WindowResult {
            from_s: 0.0,
            to_s: 10.0,
            tok_s: TokensPerSecond(mean * share),
            joules: None,
        };
        level.windows = [0.99, 1.0, 1.01].map(window).to_vec();
    }
    run.warnings.push(Finding::new("no-power", "no power was measured", "read & <measure>"));
    run
}

/// Output of the first browser that is installed.
fn browse(arguments: &[&str]) -> Output {
    let browsers = ["chromium", "chromium-browser", "google-chrome"];
    let common = ["--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr"];
    browsers
        .iter()
        .find_map(|browser| Command::new(browser).args(common).args(arguments).output().ok())
        .expect("no chromium in PATH: `make setup` installs it")
}

#[test]
fn a_browser_shows_every_level_and_has_nothing_to_complain_of() {
    let run = run();
    let home = tempfile::tempdir().unwrap();
    let page = home.path().join("report.html");
    std::fs::write(&page, html::render(&run)).unwrap();
    let profile = format!("--user-data-dir={}", home.path().join("profile").display());
    let address = format!("file://{}", page.display());

    let shown = browse(&[&profile, "--dump-dom", &address]);
    let (dom, log) =
        (String::from_utf8_lossy(&shown.stdout), String::from_utf8_lossy(&shown.stderr));
    assert!(shown.status.success(), "{log}");
    let levels: usize = run.series.iter().map(|series| series.levels.len()).sum();
    assert_eq!(dom.matches(r#"class="point""#).count(), levels, "{dom}");
    assert!(dom.contains("read &amp; &lt;measure&gt;"), "{dom}");
    assert!(!log.contains("CONSOLE"), "{log}");

    // The page is not blank: an empty image of this size has far fewer bytes.
    let picture = home.path().join("page.png");
    let screenshot = format!("--screenshot={}", picture.display());
    browse(&[&profile, &screenshot, "--window-size=1100,1800", &address]);
    assert!(drawn(&picture) > 40_000, "{} bytes", drawn(&picture));
}

fn drawn(picture: &Path) -> u64 {
    std::fs::metadata(picture).map_or(0, |file| file.len())
}
