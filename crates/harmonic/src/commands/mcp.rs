//! `harmonic mcp`.

use std::io::{self, IsTerminal};

use harmonic_app::{NoObserver, ServerChoice, Settings};
use harmonic_process::Stop;
use harmonic_render::Printer;

use crate::exit::Exit;
use harmonic_cli::Mcp;

pub async fn run(
    args: &Mcp,
    settings: &Settings,
    printer: &Printer,
    stop: &Stop,
) -> anyhow::Result<Exit> {
    if io::stdin().is_terminal() {
        printer.message("waiting for an MCP client on standard input; clients start this command");
    }
    let choice = args.server.choice();
    if matches!(choice, ServerChoice::Address(_)) {
        // An address can be invalid; a team of this machine may start later.
        choice.client(settings, &NoObserver)?;
    }
    harmonic_mcp_server::serve(choice, settings, stop.token()).await?;
    Ok(Exit::Ok)
}
