//! `harmonic detect`.

use harmonic_app::{Settings, Sysroot, inspect};
use harmonic_render::{self as render, Printer};

use crate::exit::Exit;
use harmonic_cli::Detect;

pub fn run(args: &Detect, settings: &Settings, printer: &Printer) -> anyhow::Result<Exit> {
    let hardware = inspect::detect(&Sysroot::new(&args.sysroot), settings)?;
    if args.json {
        printer.json(&hardware)?;
    } else {
        printer.text(&render::hardware::text(&hardware, printer.width()))?;
        hardware.warnings.iter().for_each(|warning| printer.finding(warning));
    }
    Ok(Exit::Ok)
}
