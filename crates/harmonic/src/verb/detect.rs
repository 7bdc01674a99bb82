//! `harmonic detect`.

use harmonic_hardware::Sysroot;

use crate::cli::Detect;
use crate::exit::Exit;
use crate::printer::Printer;
use crate::view;

pub fn run(args: &Detect, printer: &Printer) -> anyhow::Result<Exit> {
    let hardware = harmonic_hardware::detect(&Sysroot::new(&args.sysroot))?;
    if args.json {
        printer.json(&hardware)?;
    } else {
        printer.data(&view::hardware::text(&hardware))?;
        hardware.warnings.iter().for_each(|warning| printer.finding(warning));
    }
    Ok(Exit::Ok)
}
