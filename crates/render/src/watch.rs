//! A watched team as text: a table that is drawn over, or a line for each event.
//!
//! Invariants: in flight stands before the agent's slots; a rate is that of the last second, and a
//! dash where nothing was computed in it; a figure that is not known is a dash; a request is shown by
//! its id, never by its text.

use std::fmt::Write as _;
use std::time::Instant;

use harmonic_app::watch::{TeamState, TeamUpdate};
use harmonic_events::{
    AgentStep, EngineSnapshot, EngineState, EventRecord, Outcome, PowerSample, StepRecord,
    TeamEvent,
};
use harmonic_layout::{Column, Table, Width, wrap_lines};
use harmonic_types::{AgentName, RequestClass, TaskState, counted};

const NONE: &str = "–";

/// The team at `now`.
pub fn text(state: &TeamState, now: Instant, width: Width) -> String {
    let Some(snapshot) = state.snapshot() else { return "no event yet".to_owned() };
    let step = |engine: &EngineSnapshot| state.last_second(&engine.engine, now);
    let rows = snapshot.engines.iter().flat_map(|engine| agents(engine, step(engine)));
    let columns = [
        Column::text("agent"),
        Column::figure("in flight"),
        Column::figure("borrowed").leaves(2),
        Column::figure("preempted").leaves(1),
        Column::figure("queued"),
        Column::figure("tok/s"),
        Column::figure("prefill").leaves(3),
    ];
    let mut parts = vec![Table::new(columns, rows).text(width)];
    parts.extend(snapshot.engines.iter().map(|one| wrap_lines(&engine(one, step(one)), width)));
    parts.extend(snapshot.power.as_ref().map(power));
    if state.lost() > 0 {
        parts.push(format!("{} lost: this reader was too slow", counted(state.lost(), "event")));
    }
    parts.join("\n")
}

fn agents<'a>(
    engine: &'a EngineSnapshot,
    step: Option<&'a StepRecord>,
) -> impl Iterator<Item = [String; 7]> + 'a {
    engine.agents.iter().map(move |planned| {
        let counts = engine.counts(&planned.agent);
        let rate = |tokens| step.and_then(|step| rate(step, &planned.agent, tokens));
        let figure =
            |rate: Option<f64>| rate.map_or_else(|| NONE.to_owned(), |r| format!("{r:.1}"));
        [
            planned.agent.0.clone(),
            format!("{}/{}", counts.in_flight, planned.slots),
            counts.borrowed.to_string(),
            counts.preempted.to_string(),
            counts.queued.to_string(),
            figure(rate(|agent| agent.output_tokens)),
            figure(rate(|agent| agent.prefill_tokens)),
        ]
    })
}

/// Tokens per second of `agent` in `step`; `None` where it had none.
fn rate(step: &StepRecord, agent: &AgentName, tokens: fn(&AgentStep) -> u32) -> Option<f64> {
    let own = step.agents.iter().find(|own| own.agent == *agent)?;
    let count = tokens(own);
    (count > 0 && step.window_us > 0).then(|| f64::from(count) * 1e6 / step.window_us as f64)
}

fn engine(engine: &EngineSnapshot, step: Option<&StepRecord>) -> String {
    let EngineSnapshot { engine: id, model, state, sequences, .. } = engine;
    let mut line = format!("engine {id} ({model}): {}", state.name());
    match (state, &engine.message) {
        (EngineState::Ready, _) => {
            let running = engine.requests.iter().filter(|request| request.slot.is_some()).count();
            let _ = write!(line, ", {running} of {}", counted(*sequences, "sequence"));
            if let Some(step) = step.filter(|step| step.window_us > 0) {
                let rate = step.output_tokens() as f64 * 1e6 / step.window_us as f64;
                let busy = step.busy_us as f64 * 100.0 / step.window_us as f64;
                let _ = write!(line, ", {rate:.1} tok/s, busy {busy:.0}%");
            }
        }
        (_, Some(message)) => {
            let _ = write!(line, ": {message}");
        }
        (_, None) => {}
    }
    line
}

fn power(sample: &PowerSample) -> String {
    let scope = serde_json::to_value(sample.scope).ok();
    let scope = scope.as_ref().and_then(|scope| scope.as_str()).unwrap_or(NONE);
    format!("power {} ({scope})", sample.watts)
}

/// An update as lines.
pub fn lines(update: &TeamUpdate) -> Vec<String> {
    match update {
        TeamUpdate::Snapshot(snapshot) => {
            let time = time_of_day(snapshot.at_us);
            let engines = snapshot.engines.iter().map(|engine| {
                let (id, model, requests) = (&engine.engine, &engine.model, engine.requests.len());
                let state = engine.state.name();
                format!("{time} engine {id} ({model}): {state}, {}", counted(requests, "request"))
            });
            engines.collect()
        }
        TeamUpdate::Lost(lost) => {
            vec![format!("{} lost: this reader was too slow", counted(*lost, "event"))]
        }
        TeamUpdate::Event(record) => line(record).into_iter().collect(),
    }
}

/// An event as a line, with its time of day in UTC; `None` for one that this build does not know.
pub fn line(record: &EventRecord) -> Option<String> {
    let what = match &record.event {
        TeamEvent::RequestQueued { request, agent, class, prompt_tokens, .. } => {
            let class = match class {
                RequestClass::Interactive => "",
                RequestClass::Background => " in the background",
            };
            let prompt = counted(*prompt_tokens, "token");
            format!("request {request} queued for {agent}{class}, prompt of {prompt}")
        }
        TeamEvent::RequestAdmitted { request, slot, borrowed, queued_us, .. } => {
            let waited = *queued_us as f64 / 1e6;
            format!(
                "request {request} admitted to slot {slot}{}, after {waited:.3} s",
                own(*borrowed)
            )
        }
        TeamEvent::PrefillStarted { request, cached_tokens, .. } => {
            format!("request {request} prefill, {} cached", counted(*cached_tokens, "token"))
        }
        TeamEvent::FirstToken { request, .. } => format!("request {request} first token"),
        TeamEvent::RequestPreempted { request, .. } => format!("request {request} preempted"),
        TeamEvent::RequestResumed { request, slot, borrowed, .. } => {
            format!("request {request} resumed in slot {slot}{}", own(*borrowed))
        }
        TeamEvent::RequestMoved { request, slot, .. } => {
            format!("request {request} moved to slot {slot}")
        }
        TeamEvent::RequestFinished { request, outcome, usage, .. } => {
            let tokens = usage.map_or_else(String::new, |usage| {
                format!(", {}", counted(usage.completion_tokens, "output token"))
            });
            format!("request {request} finished: {}{tokens}", ended(*outcome))
        }
        TeamEvent::EngineStarting { engine, model, .. } => {
            format!("engine {engine} starting ({model})")
        }
        TeamEvent::EngineReady { engine, took_ms } => {
            format!("engine {engine} ready after {:.1} s", *took_ms as f64 / 1e3)
        }
        TeamEvent::EngineDied { engine, message, restart_in_ms } => {
            let next = restart_in_ms.map_or_else(
                || "given up".to_owned(),
                |ms| format!("again in {:.1} s", ms as f64 / 1e3),
            );
            format!("engine {engine} died: {message} ({next})")
        }
        TeamEvent::EngineStopped { engine } => format!("engine {engine} stopped"),
        TeamEvent::SlotsChanged { engine, agents } => {
            let slots = agents.iter().map(|own| format!("{} {}", own.agent, own.slots));
            format!("engine {engine} slots: {}", slots.collect::<Vec<_>>().join(", "))
        }
        TeamEvent::Step(step) => {
            let seconds = step.window_us as f64 / 1e6;
            let (engine, tokens) = (&step.engine, step.output_tokens());
            format!(
                "engine {engine} {} in {seconds:.2} s, {}",
                counted(tokens, "output token"),
                counted(step.steps, "step")
            )
        }
        TeamEvent::Power(sample) => power(sample),
        TeamEvent::RunStarted { run } => format!("{run} started"),
        TeamEvent::RunState { run, state } => format!("{run} {}", words(state.name())),
        TeamEvent::RunEnded { run, state } => format!("{run} ended: {}", words(state.name())),
        TeamEvent::TaskOffered { run, task, agent } => {
            let of = agent.as_ref().map_or_else(String::new, |agent| format!(" for {agent}"));
            format!("{run} task {task} offered{of}")
        }
        TeamEvent::TaskStarted { run, task, slot } => {
            let slot = slot.map_or_else(String::new, |slot| format!(" in slot {slot}"));
            format!("{run} task {task} started{slot}")
        }
        TeamEvent::TaskEnded { run, task, state } => {
            format!("{run} task {task} ended: {}", task_state(*state))
        }
        TeamEvent::ApprovalOpened { run, approval } => format!("{run} approval {approval} open"),
        TeamEvent::ApprovalAnswered { run, approval, outcome } => {
            format!("{run} approval {approval} {}", words(outcome.name()))
        }
        TeamEvent::Unknown => return None,
    };
    Some(format!("{} {what}", time_of_day(record.at_us)))
}

fn own(borrowed: bool) -> &'static str {
    if borrowed { ", borrowed" } else { "" }
}

fn ended(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Stop => "stop",
        Outcome::Length => "length",
        Outcome::ToolCalls => "tool calls",
        Outcome::Cancelled => "cancelled",
        Outcome::FormBroken => "form broken",
        Outcome::Failed => "failed",
    }
}

fn words(name: &str) -> String {
    name.replace('_', " ")
}

fn task_state(state: TaskState) -> &'static str {
    match state {
        TaskState::Blocked => "blocked",
        TaskState::Running => "running",
        TaskState::WaitingForApproval => "waiting for approval",
        TaskState::Done => "done",
        TaskState::Failed => "failed",
        TaskState::Skipped => "skipped",
    }
}

fn time_of_day(at_us: u64) -> String {
    let (seconds, millis) = (at_us / 1_000_000, at_us / 1000 % 1000);
    let (hours, minutes) = (seconds / 3600 % 24, seconds / 60 % 60);
    format!("{hours:02}:{minutes:02}:{:02}.{millis:03}Z", seconds % 60)
}

#[cfg(test)]
mod tests {
    use harmonic_events::{
        AgentSlots, ApprovalOutcome, Audience, EventStream, RunStatus, Snapshot,
    };
    use harmonic_types::{EnergyMethod, PowerScope, RequestId, RunId, Usage, Watts};

    use super::*;

    /// A minute in the life of a team.
    fn events() -> Vec<TeamEvent> {
        let engine = || "e0".to_owned();
        let request = |id| RequestId(id);
        let agents = vec![
            AgentSlots { agent: "technical_director".into(), slots: 1, quota: Some(1) },
            AgentSlots { agent: "coder".into(), slots: 2, quota: Some(1) },
        ];
        let queued = |id, agent: &str| TeamEvent::RequestQueued {
            engine: engine(),
            request: request(id),
            agent: agent.into(),
            class: RequestClass::Interactive,
            prompt_tokens: 40,
        };
        let admitted = |id, slot, borrowed| TeamEvent::RequestAdmitted {
            engine: engine(),
            request: request(id),
            slot,
            borrowed,
            queued_us: 12_345,
        };
        vec![
            TeamEvent::EngineStarting {
                engine: engine(),
                model: "smollm2:135m".to_owned(),
                sequences: 4,
                agents,
            },
            TeamEvent::EngineReady { engine: engine(), took_ms: 2345 },
            queued(1, "coder"),
            admitted(1, 0, false),
            queued(2, "coder"),
            admitted(2, 1, true),
            queued(3, "technical_director"),
            TeamEvent::RequestPreempted { engine: engine(), request: request(2) },
            admitted(3, 1, false),
            TeamEvent::PrefillStarted { engine: engine(), request: request(3), cached_tokens: 8 },
            TeamEvent::FirstToken { engine: engine(), request: request(3) },
            TeamEvent::RequestFinished {
                engine: engine(),
                request: request(3),
                outcome: Outcome::Length,
                usage: Some(Usage { completion_tokens: 64, ..Usage::default() }),
            },
            TeamEvent::RequestResumed {
                engine: engine(),
                request: request(2),
                slot: 1,
                borrowed: true,
            },
            TeamEvent::RequestMoved { engine: engine(), request: request(2), slot: 0 },
            TeamEvent::Step(StepRecord {
                engine: engine(),
                window_us: 1_000_000,
                busy_us: 900_000,
                steps: 80,
                agents: vec![AgentStep {
                    agent: "coder".into(),
                    prefill_tokens: 0,
                    output_tokens: 160,
                }],
            }),
            TeamEvent::Power(PowerSample {
                scope: PowerScope::CpuPackage,
                method: EnergyMethod::Counter,
                watts: Watts(31.4),
                window_ms: 1000,
            }),
            TeamEvent::RunStarted { run: run() },
            TeamEvent::TaskOffered { run: run(), task: 1, agent: Some("coder".into()) },
            TeamEvent::TaskOffered { run: run(), task: 2, agent: None },
            TeamEvent::TaskStarted { run: run(), task: 1, slot: Some(3) },
            TeamEvent::TaskStarted { run: run(), task: 2, slot: None },
            TeamEvent::ApprovalOpened { run: run(), approval: 4 },
            TeamEvent::RunState { run: run(), state: RunStatus::WaitingForApproval },
            TeamEvent::ApprovalAnswered {
                run: run(),
                approval: 4,
                outcome: ApprovalOutcome::TimedOut,
            },
            TeamEvent::TaskEnded { run: run(), task: 1, state: TaskState::Skipped },
            TeamEvent::RunEnded { run: run(), state: RunStatus::Partial },
        ]
    }

    fn run() -> RunId {
        RunId("run_01JABCDEFGHJKMNPQRSTVWXYZ0".to_owned())
    }

    fn records() -> Vec<EventRecord> {
        let (mut id, mut at_us) = (7, 1_764_500_000_000_000);
        let number = |event| {
            (id, at_us) = (id + 1, at_us + 250_000);
            EventRecord { id, at_us, audience: Audience::Everyone, event }
        };
        events().into_iter().map(number).collect()
    }

    fn watched(now: Instant) -> TeamState {
        let mut state = TeamState::default();
        state.apply(&TeamUpdate::Snapshot(Box::new(Snapshot::empty(7, 0))), now);
        for record in records() {
            state.apply(&TeamUpdate::Event(Box::new(record)), now);
        }
        state
    }

    #[test]
    fn a_team_at_work() {
        let now = Instant::now();
        insta::assert_snapshot!(text(&watched(now), now, Width::UNLIMITED));
    }

    #[test]
    fn a_rate_of_long_ago_is_not_shown() {
        let now = Instant::now();
        let later = text(&watched(now), now + std::time::Duration::from_mins(1), Width::UNLIMITED);
        assert!(!later.contains("160.0"), "{later}");
    }

    #[test]
    fn every_event_is_a_line() {
        let lines: Vec<String> = records().iter().filter_map(line).collect();
        assert_eq!(lines.len(), records().len());
        insta::assert_snapshot!(lines.join("\n"));
    }

    #[test]
    fn a_line_fits_a_terminal() {
        let now = Instant::now();
        for columns in [60, 80] {
            let shown = text(&watched(now), now, Width::of_terminal(columns));
            assert!(shown.lines().all(|line| line.chars().count() <= columns), "{shown}");
        }
    }

    #[test]
    fn what_is_shown_is_what_the_server_counts() {
        let stream = EventStream::default();
        for event in events() {
            stream.publish(event);
        }
        let snapshot = stream.snapshot();
        let engine = &snapshot.engines[0];
        let counts = engine.counts(&"coder".into());
        assert_eq!((counts.in_flight, counts.borrowed, counts.queued), (2, 1, 0));
    }
}
