//! `harmonic compare`: benchmarks side by side.

use std::fs;
use std::path::Path;

use anyhow::Context;
use harmonic_report::compare::{Comparison, Subject, text};
use harmonic_report::{png, scaling};
use harmonic_types::BenchRun;

use crate::cli::Compared;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::measure::records;
use crate::printer::Printer;

pub fn run(args: &Compared, printer: &Printer) -> anyhow::Result<Exit> {
    let find = |name: &String| Ok(Subject { name: name.clone(), run: records::find(name)? });
    let subjects: Vec<Subject> = args.subjects.iter().map(find).collect::<anyhow::Result<_>>()?;
    let comparison = Comparison::of(&subjects);
    if args.json {
        printer.json(&comparison)?;
    } else {
        printer.data(&text(&comparison))?;
    }
    if let Some(path) = &args.plot {
        plot(&subjects, path)?;
        printer.say(&format!("drawn in {}", path.display()));
    }
    Ok(Exit::Ok)
}

/// The curves of all subjects, one over the other.
fn plot(subjects: &[Subject], path: &Path) -> anyhow::Result<()> {
    let runs: Vec<&BenchRun> = subjects.iter().map(|subject| &subject.run).collect();
    let bytes = match path.extension().and_then(|extension| extension.to_str()) {
        Some("svg") => scaling::svg(&runs).into_bytes(),
        Some("png") => png::render(&scaling::svg_for_print(&runs))?,
        _ => {
            let what = format!("{} is no plot that can be drawn", path.display());
            return Err(Failure::new(what, "end its name in .svg or .png").into());
        }
    };
    fs::write(path, bytes).with_context(|| format!("cannot write {}", path.display()))
}
