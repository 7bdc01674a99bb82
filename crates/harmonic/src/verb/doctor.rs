//! `harmonic doctor`.

use harmonic_doctor::Diagnosis;
use harmonic_hardware::Sysroot;
use harmonic_render as render;

use crate::advice;
use crate::cli::Doctor;
use crate::exit::Exit;
use crate::printer::Printer;
use crate::settings::Settings;

pub fn run(args: &Doctor, settings: &Settings, printer: &Printer) -> anyhow::Result<Exit> {
    let root = Sysroot::new(&args.sysroot);
    let hardware = harmonic_hardware::detect(&root)?;
    let findings = advice::of(&root, &hardware, settings, args.paper);
    let diagnosis = Diagnosis::new(&hardware, findings, args.paper);
    if args.json {
        printer.json(&diagnosis)?;
    } else {
        printer.data(&render::doctor::text(&diagnosis))?;
    }
    Ok(if diagnosis.has_errors() { Exit::Failure } else { Exit::Ok })
}
