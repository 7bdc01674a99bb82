//! Replays of simulated runs, in which anything may happen in any order.

use harmonic_orchestrator::{
    AgentProfile, Approach, Approval, AskPolicy, CallAnswer, CallFailure, CallPurpose, CountedText,
    Decision, Lineage, Origin, RunClass, RunLimits, ToolCallResult, ToolCallSpec, ToolFailure,
};
use harmonic_types::{
    FinishReason, RunBudget, RunId, RunState, SpanKind, Task, TaskGraph, TaskIndex, TaskSpan, Tier,
    ToolEffects, ToolOutput, ToolSpec, Usage, Work,
};
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Map, json};

use super::*;
use crate::runs::entry::Opened;

const AGENTS: [&str; 2] = ["executive", "coder"];

fn agent(name: &str) -> AgentProfile {
    AgentProfile {
        name: name.into(),
        tier: Tier::Executive,
        role: "Does things.".to_owned(),
        prompt: "Do things.".to_owned(),
        prompt_tokens: 4,
        overhead_tokens: 10,
        context: 2048,
        parameters: Some(4_000_000_000),
        tools: vec!["disk.write".to_owned(), "web.read".to_owned()],
    }
}

fn tool(name: &str, effects: ToolEffects) -> ToolSpec {
    let input_schema = json!({"type": "object"});
    ToolSpec { name: name.to_owned(), description: "A tool.".to_owned(), input_schema, effects }
}

/// One task for each of `kinds`, and one that reads all.
fn graph(kinds: &[u8]) -> TaskGraph {
    let task = |title: String, work: Work, after: Vec<TaskIndex>| {
        let max_tokens = None;
        Task { title, work, after, max_tokens }
    };
    let mut tasks: Vec<Task> = Vec::new();
    for (at, kind) in kinds.iter().enumerate() {
        // No two are the same.
        let instruction = || format!("Do number {at}.");
        let arguments = Map::from_iter([("number".to_owned(), json!(at))]);
        let agent = || AGENTS[at % 2].into();
        let of = TaskIndex(u32::try_from(at).unwrap().saturating_sub(1));
        let before = tasks.last().map(|task| &task.work);
        let work = match (kind % 5, before) {
            (0, _) => Work::Vote {
                agent: agent(),
                instruction: instruction(),
                samples: 3,
                judge: Some("executive".into()),
            },
            (1, _) => Work::Tool { tool: "disk.write".to_owned(), arguments },
            (2, Some(Work::Ask { .. })) => {
                Work::Check { agent: agent(), instruction: instruction(), of, rounds: 2 }
            }
            _ => Work::Ask { agent: agent(), instruction: instruction() },
        };
        let after = if at == 0 || kind & 16 == 0 { Vec::new() } else { vec![of] };
        let after = if matches!(work, Work::Check { .. }) { vec![of] } else { after };
        tasks.push(task(format!("Task {at}"), work, after));
    }
    let all = (0..u32::try_from(tasks.len()).unwrap()).map(TaskIndex).collect();
    let join = Work::Ask { agent: "executive".into(), instruction: "Join.".to_owned() };
    tasks.push(task("Join".to_owned(), join, all));
    TaskGraph::new(tasks)
}

fn any_spec() -> impl Strategy<Value = RunSpec> {
    let policies = vec![AskPolicy::Write, AskPolicy::All, AskPolicy::Never, AskPolicy::Plan];
    (
        vec(any::<u8>(), 1..6),
        any::<bool>(),
        prop::option::of(1_000_u64..30_000),
        prop::option::of(500_u64..20_000),
        prop::sample::select(policies),
    )
        .prop_map(|(kinds, is_planned, tokens, time_ms, ask)| {
            let graph = graph(&kinds);
            let approach = if is_planned {
                Approach::Plan { may_answer: true, fallback: graph, recipe: "split".to_owned() }
            } else {
                Approach::Graph { graph, origin: Origin::File }
            };
            RunSpec {
                id: RunId("run_0".to_owned()),
                started_ms: 1_800_000_000_000,
                goal: CountedText { text: "Find out why tea is green.".to_owned(), tokens: 8 },
                brief: None,
                approach,
                agents: AGENTS.map(agent).to_vec(),
                executive: "executive".into(),
                operator: None,
                tools: vec![
                    tool("disk.write", ToolEffects::Writing),
                    tool("web.read", ToolEffects::ReadOnly),
                ],
                granted: vec!["disk.write".to_owned()],
                ask,
                budget: RunBudget { tokens, time_ms, joules: None },
                has_meter: true,
                class: RunClass::Interactive,
                places: 4,
                seed: 7,
                ignore_eos: false,
                lineage: Lineage::default(),
                limits: RunLimits::default(),
            }
        })
}

/// A run in memory, with what it waits for.
struct World {
    run: Run,
    now: u64,
    journal: Vec<(u64, Input)>,
    agents: Vec<CallSpec>,
    tools: Vec<ToolCallSpec>,
    approvals: Vec<Approval>,
    timers: Vec<(u64, TimerId)>,
}

impl World {
    fn of(spec: &RunSpec) -> Self {
        let mut world = Self {
            run: Run::new(spec.clone()).unwrap(),
            now: 0,
            journal: Vec::new(),
            agents: Vec::new(),
            tools: Vec::new(),
            approvals: Vec::new(),
            timers: Vec::new(),
        };
        world.feed(Input::Started);
        world
    }

    fn feed(&mut self, input: Input) {
        if matches!(input, Input::Resumed) {
            self.agents.clear();
            self.tools.clear();
            self.timers.clear();
        }
        self.journal.push((self.now, input.clone()));
        for action in self.run.apply(self.now, input) {
            match action {
                Action::Call { spec } => self.agents.push(*spec),
                Action::CallTool { spec } => self.tools.push(*spec),
                Action::Ask { approval } => self.approvals.push(approval),
                Action::SetTimer { timer, at_ms } => self.timers.push((at_ms, timer)),
                // Late answers are answers, too.
                Action::Cancel { .. } | Action::Withdraw { .. } | Action::Publish { .. } => {}
            }
        }
    }

    /// Something happens after `pause` milliseconds: `what`, to the one of those that are open that
    /// `which` says, in the way `how`.
    fn happen(&mut self, pause: u64, what: u8, which: usize, how: u8) {
        self.now += pause;
        match what % 12 {
            0..=5 if !self.agents.is_empty() => {
                let spec = self.agents.swap_remove(which % self.agents.len());
                self.end_call(&spec, how);
            }
            6 | 7 if !self.tools.is_empty() => {
                let call = self.tools.swap_remove(which % self.tools.len()).call;
                self.feed(Input::ToolIntended { call });
                let message = "cause".to_owned();
                self.feed(match how % 4 {
                    0 => Input::ToolFailed { call, failure: ToolFailure::Unknown { message } },
                    1 => Input::ToolFailed { call, failure: ToolFailure::Refused { message } },
                    _ => Input::ToolReturned { call, result: returned(how) },
                });
            }
            8 if !self.approvals.is_empty() => {
                let approval = self.approvals.swap_remove(which % self.approvals.len()).id;
                let no = how.is_multiple_of(3);
                let decision = if no { Decision::Denied } else { Decision::Approved };
                self.feed(Input::Decided { approval, decision });
            }
            9 if !self.timers.is_empty() => {
                let (at_ms, timer) = self.timers.swap_remove(which % self.timers.len());
                self.now = self.now.max(at_ms);
                self.feed(Input::TimerFired { timer });
            }
            10 if how.is_multiple_of(4) => {
                if how.is_multiple_of(8) {
                    self.feed(Input::Stopped);
                }
                self.feed(Input::Resumed);
            }
            _ => {}
        }
    }

    fn end_call(&mut self, spec: &CallSpec, how: u8) {
        let (call, from_ms) = (spec.call, self.now.saturating_sub(7));
        let span = TaskSpan { kind: SpanKind::Decode, from_ms, to_ms: self.now, slot: Some(1) };
        let tokens = u32::from(how).clamp(1, spec.max_tokens.max(1));
        let usage = Usage {
            prompt_tokens: spec.prompt_tokens,
            completion_tokens: tokens,
            cached_tokens: 2,
        };
        let (millijoules, spans) = (Some(u64::from(how)), vec![span]);
        let failure = match how % 12 {
            0 => Some(CallFailure::Restarting { retry_after_ms: 300 }),
            1 => Some(CallFailure::Busy { retry_after_ms: 50 }),
            2 => Some(CallFailure::Stalled),
            3 => Some(CallFailure::Form { message: "broken".to_owned() }),
            4 if how > 200 => Some(CallFailure::Refused { message: "refused".to_owned() }),
            5 => Some(CallFailure::Cancelled),
            _ => None,
        };
        if let Some(failure) = failure {
            return self.feed(Input::Failed {
                call,
                failure,
                usage: Some(usage),
                millijoules,
                spans,
            });
        }
        let text = match spec.purpose {
            CallPurpose::Plan => plan(how),
            CallPurpose::Check => {
                json!({"reasons": "so", "accept": how.is_multiple_of(2)}).to_string()
            }
            CallPurpose::Judge => json!({"choice": 1}).to_string(),
            _ => format!("words {how} ").repeat(usize::from(how) + 1),
        };
        if spec.purpose == CallPurpose::Plan {
            self.feed(Input::PlanText { call, text: text.clone() });
        }
        let finish = if how % 12 == 6 { FinishReason::Length } else { FinishReason::Stop };
        let tool_calls = Vec::new();
        let answer = CallAnswer { text, tool_calls, finish, usage, millijoules, spans };
        self.feed(Input::Answered { call, answer });
    }

    /// Lets the run come to its end.
    fn finish(&mut self) {
        for turn in 0..10_000_u32 {
            if self.run.has_ended() {
                return;
            }
            let (what, how) = if self.run.state() == RunState::Stopped {
                (10, 4)
            } else if !self.agents.is_empty() {
                (0, 19)
            } else if !self.tools.is_empty() {
                (6, 19)
            } else if !self.run.approvals().is_empty() {
                self.approvals = self.run.approvals();
                (8, 0)
            } else {
                (9, 0)
            };
            self.happen(u64::from(turn % 3), what, 0, how);
        }
        panic!("the run does not end: {:?}", self.run.record());
    }

    fn journalled(self, spec: RunSpec) -> JournalledRun {
        let opened = Opened {
            spec,
            stack: "test".to_owned(),
            tools: Vec::new(),
            client_tools: Vec::new(),
            workspace: None,
            is_attached: false,
            note: None,
        };
        let owner = String::new();
        JournalledRun { owner, opened, inputs: self.journal, last_ms: self.now, warning: None }
    }
}

fn plan(how: u8) -> String {
    if how.is_multiple_of(3) {
        return json!({"mode": "answer", "answer": "alone"}).to_string();
    }
    let ask = |title: &str, after: Vec<u32>| {
        json!({
            "title": title, "kind": "ask", "agent": "coder", "instruction": title, "after": after
        })
    };
    let tasks = if how % 3 == 1 {
        vec![ask("One", vec![]), ask("Two", vec![]), ask("Three", vec![0, 1])]
    } else {
        // Nobody reads the first.
        vec![ask("One", vec![]), ask("Two", vec![])]
    };
    json!({"mode": "team", "tasks": tasks}).to_string()
}

fn returned(how: u8) -> ToolCallResult {
    let text = "r".repeat(usize::from(how) * 40);
    let output = ToolOutput { text, is_error: false, bytes_cut: 0 };
    ToolCallResult { output, tokens: None, spans: Vec::new() }
}

type Happening = (u64, u8, usize, u8);

fn simulated(spec: &RunSpec, happenings: Vec<Happening>) -> (RunSummary, JournalledRun) {
    let mut world = World::of(spec);
    for (pause, what, which, how) in happenings {
        world.happen(pause, what, which, how);
    }
    world.finish();
    let ended = RunSummary::of(&world.run.record(), 0);
    (ended, world.journalled(spec.clone()))
}

fn any_happenings() -> impl Strategy<Value = Vec<Happening>> {
    vec((0_u64..400, any::<u8>(), 0_usize..8, any::<u8>()), 0..80)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn any_run_replays_to_the_last_figure(spec in any_spec(), happenings in any_happenings()) {
        let (ended, journalled) = simulated(&spec, happenings);
        let replay = replay(&journalled, Some(&ended)).unwrap();
        prop_assert_eq!(replay.difference, None);
        prop_assert!(replay.same);
        let json = |record| serde_json::to_string(record).unwrap();
        prop_assert_eq!(json(&replay.recorded), json(&replay.replayed));
    }

    #[test]
    fn a_journal_of_another_call_or_of_another_end_is_not_the_same(
        spec in any_spec(),
        happenings in any_happenings(),
        at in any::<prop::sample::Index>(),
    ) {
        let (ended, mut journalled) = simulated(&spec, happenings);
        let other = RunSummary { tasks_done: ended.tasks_done + 1, ..ended.clone() };
        prop_assert!(!replay(&journalled, Some(&other)).unwrap().same);
        // An answer of a call that the run never makes.
        let answered: Vec<usize> = (0..journalled.inputs.len())
            .filter(|at| matches!(journalled.inputs[*at].1, Input::Answered { .. }))
            .collect();
        prop_assume!(!answered.is_empty());
        let at = answered[at.index(answered.len())];
        if let Input::Answered { call, .. } = &mut journalled.inputs[at].1 {
            call.0 += 1_000_000;
        }
        let replay = replay(&journalled, Some(&ended)).unwrap();
        let entry = format!("entry {} of the journal", at + 2);
        prop_assert!(!replay.same);
        prop_assert!(replay.difference.unwrap().contains(&entry));
    }
}
