//! An open task of a run as one line.

use harmonic_app::run_view::{CallPhase, Lane};
use harmonic_layout::{columns, shortened};
use harmonic_types::{TaskState, counted};

/// Columns of a lane's name.
const NAME: usize = 12;

/// Columns of a lane's title.
const TITLE: usize = 28;

/// Fewest columns of text that are worth showing.
const LEAST_TEXT: usize = 12;

/// The task in at most `width` columns: who, what, where, and the end of what was generated.
pub fn line(lane: &Lane, width: usize) -> String {
    let name = padded(&shortened(&name(lane), NAME), NAME);
    let title = padded(&shortened(&one_line(&lane.title), TITLE), TITLE);
    let mut shown = format!("{name} {title} {}", status(lane));
    let left = width.saturating_sub(columns(&shown) + 3);
    if left >= LEAST_TEXT && !lane.tail.is_empty() {
        shown = format!("{shown} │ {}", end_of(&one_line(&lane.tail), left));
    }
    shortened(&shown, width)
}

/// The lane's agent, or its tool.
pub fn name(lane: &Lane) -> String {
    lane.agent.as_ref().map_or_else(|| "tool".to_owned(), |agent| agent.0.clone())
}

/// Where the task is, and its figures.
pub fn status(lane: &Lane) -> String {
    let mut parts = Vec::new();
    let (mut slots, mut queued, mut preempted) = (Vec::new(), 0, 0);
    for phase in lane.calls.values() {
        match phase {
            CallPhase::Granted(slot) => slots.push(slot.to_string()),
            CallPhase::Queued => queued += 1,
            CallPhase::Preempted => preempted += 1,
            CallPhase::Tool(tool) => parts.push(format!("calls {tool}")),
        }
    }
    match slots.as_slice() {
        [] => {}
        [slot] => parts.push(format!("slot {slot}")),
        slots => parts.push(format!("slots {}", slots.join(", "))),
    }
    match queued {
        0 => {}
        1 => parts.push("waits for a slot".to_owned()),
        queued => parts.push(format!("{queued} wait for slots")),
    }
    if preempted > 0 {
        parts.push(format!("{preempted} preempted"));
    }
    if lane.state == TaskState::WaitingForApproval {
        parts.push("waits for approval".to_owned());
    }
    if parts.is_empty() {
        parts.push("starts".to_owned());
    }
    if lane.turn > 0 {
        parts.push(format!("turn {}", lane.turn + 1));
    }
    if lane.output_tokens() > 0 {
        parts.push(counted(lane.output_tokens(), "token"));
    }
    parts.join(", ")
}

/// `text` in one line, without what could control a terminal.
pub(crate) fn one_line(text: &str) -> String {
    let plain = text.replace(|char: char| char.is_control() && !char.is_whitespace(), "\u{fffd}");
    plain.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The last `room` columns of `text`.
fn end_of(text: &str, room: usize) -> String {
    if columns(text) <= room {
        return text.to_owned();
    }
    let mut from = text.len();
    for (at, _) in text.char_indices().rev() {
        if columns(&text[at..]) >= room {
            break;
        }
        from = at;
    }
    format!("…{}", &text[from..])
}

fn padded(text: &str, width: usize) -> String {
    format!("{text}{}", " ".repeat(width.saturating_sub(columns(text))))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use harmonic_orchestrator::CallId;

    use super::*;

    fn lane(calls: &[CallPhase], tokens: u32, tail: &str) -> Lane {
        let numbered = |(at, phase): (usize, &CallPhase)| (CallId(at as u64), phase.clone());
        Lane {
            title: "Write the parser".to_owned(),
            kind: "ask".to_owned(),
            agent: Some("coder".into()),
            state: TaskState::Running,
            calls: calls.iter().enumerate().map(numbered).collect(),
            turn: 0,
            tokens: BTreeMap::from([(CallId(0), tokens)]),
            tail: tail.to_owned(),
        }
    }

    #[test]
    fn a_lane_says_who_does_what_where() {
        let waiting = CallPhase::Queued;
        let text = "The parser reads a line\nand then \u{1b}[2J another one, and so on to the end.";
        let tool = CallPhase::Tool("workspace.read".to_owned());
        let vote = [CallPhase::Granted(1), CallPhase::Granted(4), waiting.clone(), waiting.clone()];
        let mut asked = lane(&[], 0, "");
        asked.state = TaskState::WaitingForApproval;
        let lanes = [
            lane(&[], 0, ""),
            lane(&[waiting], 0, ""),
            lane(&[CallPhase::Granted(3)], 124, text),
            lane(&vote, 40, ""),
            lane(&[CallPhase::Preempted], 3, ""),
            lane(&[tool], 0, ""),
            asked,
        ];
        for width in [80, 120] {
            let shown: Vec<String> = lanes.iter().map(|lane| line(lane, width)).collect();
            assert!(shown.iter().all(|line| columns(line) <= width), "{shown:?}");
            insta::assert_snapshot!(format!("lanes_{width}"), shown.join("\n"));
        }
    }

    #[test]
    fn no_width_is_exceeded_and_no_text_controls_the_terminal() {
        let text = "wörter 漢字漢字漢字 \u{1b}]0;x\u{7} ".repeat(40);
        let mut wide = lane(&[CallPhase::Granted(3)], 9, &text);
        wide.title.clone_from(&text);
        for width in 60..200 {
            let line = line(&wide, width);
            assert!(columns(&line) <= width && !line.contains('\u{1b}'), "{width}: {line}");
        }
    }
}
