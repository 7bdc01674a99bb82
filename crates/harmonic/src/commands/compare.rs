//! `harmonic compare`: several benchmarks side by side.

use harmonic_app::measure::{records, save};
use harmonic_render::Printer;
use harmonic_report::compare::{Comparison, Subject, text};

use crate::exit::Exit;
use harmonic_cli::Compared;

pub fn run(args: &Compared, printer: &Printer) -> anyhow::Result<Exit> {
    let find = |name: &String| Ok(Subject { name: name.clone(), run: records::find(name)? });
    let subjects: Vec<Subject> = args.subjects.iter().map(find).collect::<anyhow::Result<_>>()?;
    let comparison = Comparison::of(&subjects);
    if args.json {
        printer.json(&comparison)?;
    } else {
        printer.text(&text(&comparison, printer.width()))?;
    }
    if let Some(path) = &args.plot {
        save::plot(&subjects, path)?;
        printer.message(&format!("plot saved in {}", path.display()));
    }
    Ok(Exit::Ok)
}
