//! `harmonic detect`.

use harmonic_doctor::describe_with;
use harmonic_hardware::Sysroot;

use crate::cli::Detect;
use crate::exit::Exit;
use crate::printer::Printer;
use crate::settings::Settings;
use crate::{advice, view};

pub fn run(args: &Detect, settings: &Settings, printer: &Printer) -> anyhow::Result<Exit> {
    let root = Sysroot::new(&args.sysroot);
    let mut hardware = harmonic_hardware::detect(&root)?;
    let found = advice::of(&root, &hardware, settings, false);
    describe_with(&mut hardware, &found);
    if args.json {
        printer.json(&hardware)?;
    } else {
        printer.data(&view::hardware::text(&hardware))?;
        hardware.warnings.iter().for_each(|warning| printer.finding(warning));
    }
    Ok(Exit::Ok)
}
