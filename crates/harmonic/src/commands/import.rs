//! `harmonic import`.

use harmonic_app::{Settings, import};
use harmonic_cli::Import;
use harmonic_render::{self as render, Printer};

use crate::environment;
use crate::error::CliError;
use crate::exit::Exit;

pub fn run(args: Import, settings: &Settings, printer: &Printer) -> anyhow::Result<Exit> {
    let (source, output) = args.source.parts();
    let variables = environment::variables();
    let home = variables.get("HOME").map(String::as_str);
    let imported = import::import(&source, home, settings)?;
    let text = imported.text();
    if let (Some(text), Some(path)) = (&text, &output.output) {
        import::save(text, path, output.force)?;
    }
    if output.json {
        printer.json(&render::imports::document(&imported))?;
    } else {
        printer.message(&render::imports::report(&imported, printer.message_width()));
        if let (Some(text), None) = (&text, &output.output) {
            printer.data(text.trim_end())?;
        }
    }
    if text.is_none() {
        let hint = "the notes say why; `harmonic models list` shows the models of this machine";
        return Err(CliError::new("no agent could be imported", hint).into());
    }
    if let Some(path) = &output.output {
        let path = path.display();
        printer.message(&format!("wrote {path}; `harmonic plan --stack {path}` plans it"));
    }
    Ok(Exit::Ok)
}
