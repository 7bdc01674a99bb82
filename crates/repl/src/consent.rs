//! Consent of the user to large downloads, or the choice of the starter in their place.

use harmonic_app::downloads::Downloads;
use harmonic_app::{AppError, Settings};
use harmonic_process::{Stop, Stopped};
use harmonic_render::{Printer, downloads, spinner};

use crate::question::{self, Answer};

const YES: Answer = "yes";
const SMALL: Answer = "starter";
const NO: Answer = "no";

/// Whether the user wants these downloads, and not the starter instead.
///
/// # Errors
/// When the user declines, cannot be asked, or the disk is too small.
pub async fn is_wanted(
    wanted: &mut Downloads,
    settings: &Settings,
    yes: bool,
    printer: &Printer,
    stop: &Stop,
) -> Result<bool, AppError> {
    let must_ask = wanted.need_consent() && !yes;
    if must_ask {
        let waiting = printer.is_live().then(|| spinner(printer, "measuring the download rate"));
        let measured = stop.or(wanted.preview(settings)).await;
        if let Some(waiting) = waiting {
            waiting.finish_and_clear();
        }
        measured.map_err(stopped)?;
    }
    let is_short = wanted.shortage().is_some();
    if !must_ask && !is_short {
        return Ok(true);
    }
    let has_choice = !is_short || wanted.starter.is_some();
    let text = downloads::text(wanted, printer.message_width());
    if !must_ask || !printer.is_interactive() || !has_choice {
        return Err(AppError::refused(text, downloads::remedy(wanted)));
    }
    let answers: &'static [Answer] = match (is_short, wanted.starter) {
        (false, Some(_)) => &[YES, SMALL, NO],
        (false, None) => &[YES, NO],
        (true, _) => &[SMALL, NO],
    };
    let question = downloads::question(wanted, &text, printer.message_width());
    match stop.or(question::ask(&question, answers)).await.map_err(stopped)? {
        YES => Ok(true),
        SMALL => Ok(false),
        _ => Err(AppError::refused("nothing was fetched", downloads::remedy(wanted))),
    }
}

fn stopped(Stopped: Stopped) -> AppError {
    AppError::stopped()
}
