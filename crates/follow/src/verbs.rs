//! What is done with runs at once, and what is printed of it.

use std::fs;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use harmonic_api::runs::{RunList, Verdict};
use harmonic_app::AppError;
use harmonic_app::run_choice::{choose, choose_all, choose_approval};
use harmonic_app::server_choice::ChosenServer;
use harmonic_render::{Printer, runs};
use harmonic_types::{RunRecord, counted};

use crate::error::FollowError;

/// Lists the runs.
///
/// # Errors
/// When the server does not answer, or the output fails; so do all functions here.
pub async fn list(server: &ChosenServer, json: bool, printer: &Printer) -> Result<(), FollowError> {
    let listed = server.client.runs().await?;
    if json {
        printer.json(&RunList::new(listed))?;
    } else if listed.is_empty() {
        printer.message("no runs; `harmonic run \"…\"` starts one");
    } else {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let now = u64::try_from(now.as_millis()).unwrap_or(u64::MAX);
        printer.text(&runs::list(&listed, now, printer.width()))?;
    }
    Ok(())
}

/// Shows a run.
///
/// # Errors
/// As [`list`].
pub async fn show(
    id: &str,
    json: bool,
    server: &ChosenServer,
    printer: &Printer,
) -> Result<(), FollowError> {
    let id = choose(id, &server.client).await?;
    let record = server.client.run(&id).await?;
    if json {
        printer.json(&record)?;
        return Ok(());
    }
    let open = server.client.run_approvals(&id).await?;
    Ok(printer.chunk(&format!("{}\n", runs::record(&record, &open, printer.width())))?)
}

/// Answers a question.
///
/// # Errors
/// As [`list`], and when there is no such question.
pub async fn decide(
    id: &str,
    number: Option<u64>,
    verdict: Verdict,
    server: &ChosenServer,
    printer: &Printer,
) -> Result<(), FollowError> {
    let id = choose(id, &server.client).await?;
    let approval = choose_approval(number, &id, &server.client).await?;
    let left = server.client.decide_run(&id, approval.id, verdict).await?;
    let done = match verdict {
        Verdict::Approve => "approved",
        Verdict::Deny => "denied",
    };
    printer.text(&format!("{done} {}", runs::question(&approval)))?;
    for open in left {
        printer.message(&format!("open: {}", runs::question(&open)));
    }
    Ok(())
}

/// Interrupts a run.
///
/// # Errors
/// As [`list`].
pub async fn stop(id: &str, server: &ChosenServer, printer: &Printer) -> Result<(), FollowError> {
    let id = choose(id, &server.client).await?;
    server.client.stop_run(&id).await?;
    printer.text(&format!("stopped {id}"))?;
    printer.message(&format!("`harmonic runs{} resume {id}` goes on", server.option));
    Ok(())
}

/// Ends runs and removes them; none where one of them is unknown.
///
/// # Errors
/// As [`list`].
pub async fn remove(
    ids: &[String],
    server: &ChosenServer,
    printer: &Printer,
) -> Result<(), FollowError> {
    for id in choose_all(ids, &server.client).await? {
        server.client.remove_run(&id).await?;
        printer.text(&format!("removed {id}"))?;
    }
    Ok(())
}

/// Does a run again without a model. Returns whether it ended as before.
///
/// # Errors
/// As [`list`], and when it cannot be replayed.
pub async fn replay(
    id: &str,
    json: bool,
    server: &ChosenServer,
    printer: &Printer,
) -> Result<bool, FollowError> {
    let id = choose(id, &server.client).await?;
    let replay = server.client.replay_run(&id).await?;
    if json {
        printer.json(&replay)?;
    } else {
        let tasks = replay.replayed.tasks.len();
        let ended = if replay.same {
            format!("the replay of {id} is the same: {} and the answer", counted(tasks, "task"))
        } else {
            let difference = replay.difference.as_deref().unwrap_or("it ended in another way");
            format!("the replay of {id} differs: {difference}; --json has both records")
        };
        printer.text(&ended)?;
    }
    Ok(replay.same)
}

/// Writes the document of a run that `render` makes, to a file or stdout.
///
/// # Errors
/// As [`list`], and when the file cannot be written.
pub async fn export(
    id: &str,
    render: fn(&RunRecord) -> String,
    out: Option<&Path>,
    server: &ChosenServer,
    printer: &Printer,
) -> Result<(), FollowError> {
    let id = choose(id, &server.client).await?;
    let document = render(&server.client.run(&id).await?);
    let Some(path) = out else { return Ok(printer.data(document.trim_end())?) };
    fs::write(path, document).map_err(|error| {
        let hint = "expected a file that can be written";
        AppError::refused(format!("cannot write {}: {error}", path.display()), hint)
    })?;
    printer.message(&format!("written to {}", path.display()));
    Ok(())
}
