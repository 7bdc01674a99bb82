//! `harmonic detect`.

use harmonic_doctor::describe_with;
use harmonic_hardware::Sysroot;
use harmonic_render as render;

use crate::advice;
use crate::cli::Detect;
use crate::exit::Exit;
use crate::printer::Printer;
use crate::settings::Settings;

pub fn run(args: &Detect, settings: &Settings, printer: &Printer) -> anyhow::Result<Exit> {
    let root = Sysroot::new(&args.sysroot);
    let mut hardware = harmonic_hardware::detect(&root)?;
    let found = advice::of(&root, &hardware, settings, false);
    describe_with(&mut hardware, &found);
    if args.json {
        printer.json(&hardware)?;
    } else {
        printer.data(&render::hardware::text(&hardware))?;
        hardware.warnings.iter().for_each(|warning| printer.finding(warning));
    }
    Ok(Exit::Ok)
}
