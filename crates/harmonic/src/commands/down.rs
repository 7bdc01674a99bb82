//! `harmonic down`.

use harmonic_app::server_choice::port_option;
use harmonic_app::{Instance, Settings, instances};
use harmonic_process::Stop;
use harmonic_render::{Printer, Progress, spinner};

use crate::error::CliError;
use crate::exit::Exit;
use harmonic_cli::Down;

pub async fn run(
    args: &Down,
    settings: &Settings,
    printer: &Printer,
    stop: &Stop,
) -> anyhow::Result<Exit> {
    let running = instances::running(settings, &Progress::on(printer))?;
    let runs = instances::select(running, args.port, args.all)?;
    for run in &runs {
        instances::terminate(run)?;
    }
    for run in &runs {
        tokio::select! {
            ended = wait(run, args.grace, printer) => ended?,
            () = stop.requested() => {
                let option = port_option(run.port, settings);
                let hint =
                    format!("`harmonic ps` shows its state; `harmonic down{option}` waits again");
                return Err(CliError::new("stopped waiting; the team is still shutting down", hint).into());
            }
        }
    }
    Ok(Exit::Ok)
}

async fn wait(run: &Instance, grace: Option<u64>, printer: &Printer) -> anyhow::Result<()> {
    let Instance { stack, process, .. } = run;
    let pid = process.pid;
    let message = format!("stopping {stack} (process {pid}): waiting for running answers");
    let bar = printer.is_live().then(|| spinner(printer, &message));
    let cut_off = instances::wait_for_exit(run, grace).await?;
    if let Some(bar) = bar {
        bar.finish_and_clear();
    }
    let how = if cut_off { ", and answers were cut off" } else { "" };
    printer.message(&format!("stopped {stack} (process {pid}){how}"));
    Ok(())
}
