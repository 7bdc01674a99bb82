//! `harmonic doctor`.

use harmonic_hardware::advice::engine_settings;
use harmonic_hardware::{Severity, Sysroot};

use crate::advice::Diagnosis;
use crate::cli::Doctor;
use crate::exit::Exit;
use crate::printer::Printer;
use crate::settings::Settings;
use crate::{advice, view};

pub fn run(args: &Doctor, settings: &Settings, printer: &Printer) -> anyhow::Result<Exit> {
    let root = Sysroot::new(&args.sysroot);
    let hardware = harmonic_hardware::detect(&root)?;
    let findings = advice::of(&root, &hardware, settings, args.paper);
    let diagnosis = Diagnosis {
        schema: Diagnosis::SCHEMA,
        warnings: advice::beside(&findings, &hardware.warnings),
        settings: engine_settings(&hardware, args.paper),
        findings,
    };
    if args.json {
        printer.json(&diagnosis)?;
    } else {
        printer.data(&view::doctor::text(&diagnosis))?;
    }
    let failed = diagnosis.findings.iter().any(|advice| advice.severity == Severity::Error);
    Ok(if failed { Exit::Failure } else { Exit::Ok })
}
