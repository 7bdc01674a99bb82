//! Which run a command means: an id, or the beginning of one.

use harmonic_api::Client;
use harmonic_api::runs::RunSummary;
use harmonic_orchestrator::Approval;
use harmonic_types::{RunId, did_you_mean};

use crate::error::{AppError, Result};

/// Beginning of every id, which may be left out.
const PREFIX: &str = "run_";

/// Runs that an ambiguous beginning lists.
const SHOWN: usize = 5;

/// The run that `text` means on the server of `client`.
///
/// # Errors
/// When the server has no such run, or several, or does not answer.
pub async fn choose(text: &str, client: &Client) -> Result<RunId> {
    if let Some(id) = RunId::parse(text) {
        return Ok(id);
    }
    let runs = client.runs().await.map_err(AppError::from)?;
    select(text, &runs)
}

/// The runs that `texts` mean, each once; none where one of them is unknown.
///
/// # Errors
/// As [`choose`].
pub async fn choose_all(texts: &[String], client: &Client) -> Result<Vec<RunId>> {
    let mut chosen = Vec::new();
    for text in texts {
        let id = choose(text, client).await?;
        if !chosen.contains(&id) {
            chosen.push(id);
        }
    }
    Ok(chosen)
}

/// The open question `number` of the run `id`, or the only one.
///
/// # Errors
/// When there is no such question, or several and none is named.
pub async fn choose_approval(number: Option<u64>, id: &RunId, client: &Client) -> Result<Approval> {
    let mut open = client.run_approvals(id).await?;
    let found = match number {
        Some(number) => open.iter().position(|approval| approval.id.0 == number),
        None => (open.len() == 1).then_some(0),
    };
    if let Some(found) = found {
        return Ok(open.swap_remove(found));
    }
    let numbers = open.iter().map(|approval| approval.id.0.to_string());
    let numbers = numbers.collect::<Vec<_>>().join(", ");
    let hint = match open.as_slice() {
        [] => "no question is open; `harmonic runs show` shows the state".to_owned(),
        _ => format!("open are {numbers}; `harmonic runs show` shows them"),
    };
    Err(match number {
        Some(number) => AppError::refused(format!("{id} has no open question {number}"), hint),
        None if open.is_empty() => AppError::refused(format!("{id} waits for no answer"), hint),
        None => AppError::refused(format!("{id} has {} open questions", open.len()), hint),
    })
}

fn select(text: &str, runs: &[RunSummary]) -> Result<RunId> {
    let given = text.strip_prefix(PREFIX).unwrap_or(text);
    let digits = |run: &RunSummary| run.id.0.strip_prefix(PREFIX).unwrap_or(&run.id.0).to_owned();
    let begins = |run: &&RunSummary| {
        let digits = digits(run);
        digits.get(..given.len()).is_some_and(|start| start.eq_ignore_ascii_case(given))
    };
    let found: Vec<&RunSummary> =
        if given.is_empty() { Vec::new() } else { runs.iter().filter(begins).collect() };
    match found.as_slice() {
        [run] => Ok(run.id.clone()),
        [] => {
            let ids = runs.iter().map(|run| run.id.0.as_str());
            let meant = did_you_mean(text, ids);
            let hint = match runs {
                [] => "there are no runs; `harmonic run \"…\"` starts one",
                _ => "`harmonic runs list` shows the runs; the beginning of an id is enough",
            };
            Err(AppError::refused(format!("unknown run `{}`{meant}", text.escape_debug()), hint))
        }
        several => {
            let shown = several.iter().take(SHOWN).map(|run| format!("{} ({})", run.id, run.goal));
            let more = several.len().saturating_sub(SHOWN);
            let more = if more > 0 { format!(", and {more} more") } else { String::new() };
            let hint = format!("use more of it: {}{more}", shown.collect::<Vec<_>>().join(", "));
            let what = format!("`{text}` is the beginning of {} runs", several.len());
            Err(AppError::refused(what, hint))
        }
    }
}

#[cfg(test)]
mod tests {
    use harmonic_types::{RunSpent, RunState};

    use super::*;
    use crate::error::hint;

    fn chosen(text: &str) -> Result<String, String> {
        let run = |(id, goal): (&str, &str)| RunSummary {
            id: RunId(id.to_owned()),
            goal: goal.to_owned(),
            origin: "solo".to_owned(),
            started_ms: 0,
            state: RunState::Running,
            tasks: 0,
            tasks_done: 0,
            approvals: 0,
            spent: RunSpent::default(),
        };
        let runs = [
            ("run_01JABCDEFGHJKMNPQRSTVWXYZ0", "write a poem"),
            ("run_01JABD0000000000000000000", "count words"),
        ];
        select(text, &runs.map(run))
            .map(|id| id.0)
            .map_err(|error| format!("{error}: {}", hint(&error).unwrap_or_default()))
    }

    #[test]
    fn a_beginning_is_enough_where_it_is_of_one_run() {
        for text in ["run_01JABC", "01JABC", "01jabc"] {
            assert_eq!(chosen(text).unwrap(), "run_01JABCDEFGHJKMNPQRSTVWXYZ0", "{text}");
        }
        let several = chosen("01JAB").unwrap_err();
        assert!(
            several.contains("beginning of 2 runs") && several.contains("count words"),
            "{several}"
        );
        for text in ["", "run_", "../../etc", "ü", "zz\u{1b}[2J"] {
            let error = chosen(text).unwrap_err();
            assert!(error.starts_with("unknown run `"), "{error}");
            assert!(!error.contains('\u{1b}'), "{error}");
        }
    }
}
