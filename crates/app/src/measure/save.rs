//! Files of a run: its folder, its curves, a plot.
//!
//! Invariants: the record is written first and atomically, so it is kept even where a report fails;
//! a curve has only levels with a throughput, and unless forced none comes from a run with caveats.

use std::fs;
use std::path::{Path, PathBuf};

use harmonic_fsutil::{WriteOptions, replace};
use harmonic_perfmodel::unqualified;
use harmonic_profiles::curve;
use harmonic_report::chart::Theme;
use harmonic_report::compare::Subject;
use harmonic_report::png::{self, PngError};
use harmonic_report::{csv, html, markdown, scaling};
use harmonic_types::{BenchRun, Caveat, Curve, CurvePoint, Provenance, Series};

use super::records::RECORD;
use crate::engines;
use crate::error::{AppError, Result};
use crate::settings::Settings;

/// File name of the raster chart, which a build may lack.
const IMAGE: &str = "scaling.png";

/// Writes the folder of `run`: record, figures and reports. An older run there is replaced. Returns
/// a note on a file that this build cannot write, if any.
///
/// # Errors
/// When a file cannot be written.
pub fn folder(run: &BenchRun, folder: &Path) -> Result<Option<String>> {
    fs::create_dir_all(folder)
        .map_err(AppError::context(format!("cannot make {}", folder.display())))?;
    let record = serde_json::to_vec_pretty(run)
        .map_err(AppError::context("cannot write the record as JSON"))?;
    file(folder, RECORD, &record)?;
    let svg = scaling::svg(run, Theme::Screen);
    let raster = png::render(&scaling::svg(run, Theme::Print));
    file(folder, "levels.csv", csv::render(run).as_bytes())?;
    file(folder, "report.md", markdown::render(run).as_bytes())?;
    file(folder, "report.html", html::render(run).as_bytes())?;
    file(folder, "scaling.svg", svg.as_bytes())?;
    match raster {
        Ok(raster) => {
            file(folder, IMAGE, &raster)?;
            Ok(None)
        }
        Err(PngError::Unsupported) => {
            // The image of an older run would be wrong.
            let _absent = fs::remove_file(folder.join(IMAGE));
            Ok(Some(format!("{IMAGE} is not written: {}", PngError::Unsupported)))
        }
        Err(error) => Err(error.into()),
    }
}

/// Plots the curves of `subjects` in one chart, as an SVG or PNG file.
///
/// # Errors
/// When `path` ends in neither `.svg` nor `.png`, or the file cannot be written.
pub fn plot(subjects: &[Subject], path: &Path) -> Result<()> {
    let bytes = match path.extension().and_then(|extension| extension.to_str()) {
        Some("svg") => scaling::comparison(subjects, Theme::Screen).into_bytes(),
        Some("png") => png::render(&scaling::comparison(subjects, Theme::Print))?,
        _ => {
            let what = format!("invalid name of a plot {}", path.display());
            return Err(AppError::refused(what, "expected a name that ends in .svg or .png"));
        }
    };
    fs::write(path, bytes).map_err(AppError::context(format!("cannot write {}", path.display())))
}

/// Writes a file atomically.
fn file(folder: &Path, name: &str, bytes: &[u8]) -> Result<()> {
    Ok(replace(&folder.join(name), bytes, WriteOptions::DOCUMENT)?)
}

/// Folder for a run that began at `unix_ms` (milliseconds since 1970), named after the time so that
/// folders sort.
pub fn new_folder(settings: &Settings, unix_ms: u64) -> PathBuf {
    let at = std::time::UNIX_EPOCH + std::time::Duration::from_millis(unix_ms);
    let stamp = humantime::format_rfc3339_seconds(at).to_string().replace(':', "-");
    settings.benches.join(stamp)
}

/// Saves the curves of `run` for the next plan; returns their paths. A run with caveats is refused
/// unless `force`.
///
/// # Errors
/// When the run has caveats, no curve is usable for a plan, or one cannot be written.
pub fn curves(run: &BenchRun, force: bool, settings: &Settings) -> Result<Vec<PathBuf>> {
    let caveats: Vec<String> = run.series.iter().flat_map(|series| reasons(run, series)).collect();
    if !caveats.is_empty() && !force {
        let what = format!("no curve was saved: {}", caveats.join("; "));
        let hint = "measure again without that, or save this run all the same with --save --force";
        return Err(AppError::refused(what, hint));
    }
    let limit_ms = run.workload.slo.and_then(|slo| slo.itl_ms);
    let curves: Vec<Curve> = run.series.iter().filter_map(|one| of(one, limit_ms)).collect();
    if curves.is_empty() {
        let what = "no curve was saved: no level of a model in the store has a throughput";
        return Err(AppError::refused(what, "measure a llama.cpp team of our own"));
    }
    curves.iter().map(|one| Ok(curve::save(&settings.curves, one)?)).collect()
}

/// Caveats of a series of `run`, with its model if there are several.
fn reasons(run: &BenchRun, series: &Series) -> Vec<String> {
    let caveats = series.verdict.caveats.iter();
    let named = |caveat: &Caveat| match run.series.len() {
        1 => caveat.message.clone(),
        _ => format!("{}: {}", series.model, caveat.message),
    };
    caveats.map(named).collect()
}

/// A series as a curve; `None` where it has no key or no throughput, or its engine is simulated. Its
/// sweet spot is what the levels give without regard to caveats, or else a forced curve would have no
/// effect on the next plan.
fn of(series: &Series, itl_limit_ms: Option<f64>) -> Option<Curve> {
    let key = series.key.clone().filter(|key| !engines::is_simulated(&key.engine))?;
    let point = |level: &harmonic_types::LevelResult| {
        let tok_s = harmonic_types::TokensPerSecond(level.tok_s?.mean);
        (tok_s.0 > 0.0).then_some(CurvePoint { parallel: level.parallel, tok_s })
    };
    let points: Vec<CurvePoint> = series.levels.iter().filter_map(point).collect();
    let verdict = unqualified(&series.levels, itl_limit_ms);
    let sweet_spot = verdict.sweet_spot.map(|spot| spot.parallel);
    (!points.is_empty()).then_some(Curve {
        key,
        points,
        sweet_spot,
        provenance: Provenance::Measured,
    })
}
