//! `harmonic doctor`.

use harmonic_app::{Settings, Sysroot, inspect};
use harmonic_render::{self as render, Printer};

use crate::exit::Exit;
use harmonic_cli::Doctor;

pub fn run(args: &Doctor, settings: &Settings, printer: &Printer) -> anyhow::Result<Exit> {
    let diagnosis = inspect::diagnose(&Sysroot::new(&args.sysroot), settings, args.paper)?;
    if args.json {
        printer.json(&diagnosis)?;
    } else {
        let paper = args.paper.then_some("ollama");
        let asked: Vec<&str> = args.engine.iter().map(String::as_str).chain(paper).collect();
        printer.text(&render::doctor::text(&diagnosis, &asked, printer.width()))?;
    }
    Ok(if diagnosis.has_errors() { Exit::Failure } else { Exit::Ok })
}
