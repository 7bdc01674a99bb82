//! `harmonic report`: a benchmark record, rendered again.

use std::path::Path;

use harmonic_app::measure::{records, save};
use harmonic_render::{self as render, Printer};
use harmonic_report::{benchy, machine_report, markdown};

use crate::exit::Exit;
use harmonic_cli::Report;

pub fn run(args: &Report, printer: &Printer) -> anyhow::Result<Exit> {
    let run = records::find(&args.subject)?;
    if args.json {
        printer.json(&run)?;
    } else if args.markdown {
        printer.data(&markdown::render(&run))?;
    } else if args.benchy {
        printer.data(&benchy::render(&run))?;
    } else if let Some(text) = machine_report::text(&run, printer.width()) {
        printer.text(&text)?;
    } else {
        printer.text(&render::bench::report(&run, printer.width()))?;
        run.warnings.iter().for_each(|warning| printer.finding(warning));
        let folder = Path::new(&args.subject);
        if folder.is_dir() {
            if let Some(left_out) = save::folder(&run, folder)? {
                printer.message(&left_out);
            }
            printer.message(&format!("rendered again in {}", folder.display()));
        }
    }
    Ok(Exit::Ok)
}
