//! A driver in memory: it keeps what is open, and answers as a script says.

use std::collections::{BTreeMap, BTreeSet};

use harmonic_orchestrator::{
    Action, AgentProfile, Approach, Approval, AskPolicy, CallAnswer, CallFailure, CallId,
    CallPurpose, CallSpec, CountedText, Decision, Input, Lineage, Origin, Run, RunClass, RunEvent,
    RunLimits, RunSpec, TaskId, TimerId, ToolCallResult, ToolCallSpec,
};
use harmonic_types::{
    AgentName, FinishReason, RunBudget, RunId, RunState, Task, TaskGraph, TaskIndex, TaskState,
    ToolEffects, ToolOutput, ToolSpec, Usage, Work,
};
use serde_json::json;

/// Profiles of the agents of a built-in stack.
pub fn agents_of(stack: &str) -> Vec<AgentProfile> {
    let stack = harmonic_stack::resolve(stack).unwrap();
    let profile = |agent: harmonic_types::AgentSpec| AgentProfile {
        name: agent.name,
        tier: agent.tier,
        role: agent.role,
        prompt_tokens: u32::try_from(agent.system.len() / 4).unwrap(),
        prompt: agent.system,
        overhead_tokens: 100,
        context: agent.context.0,
        parameters: Some(4_000_000_000),
        tools: Vec::new(),
    };
    stack.agents.into_iter().map(profile).collect()
}

/// A run of `graph` by the agents of `standard`.
pub fn spec(graph: TaskGraph) -> RunSpec {
    RunSpec {
        id: RunId("run_0".to_owned()),
        started_ms: 1_800_000_000_000,
        goal: CountedText { text: "Find out why tea is green.".to_owned(), tokens: 8 },
        brief: None,
        approach: Approach::Graph { graph, origin: Origin::File },
        agents: agents_of("standard"),
        executive: "executive".into(),
        operator: Some("operator".into()),
        tools: Vec::new(),
        granted: Vec::new(),
        ask: AskPolicy::Write,
        budget: RunBudget::default(),
        has_meter: true,
        class: RunClass::Interactive,
        places: 4,
        seed: 7,
        lineage: Lineage::default(),
        ignore_eos: false,
        limits: RunLimits::default(),
    }
}

/// A run whose executive plans, with `split` to fall back on.
pub fn planned(may_answer: bool) -> RunSpec {
    let fallback = TaskGraph::new(vec![ask("fallback", "analyst", &[])]);
    let approach = Approach::Plan { may_answer, fallback, recipe: "split".to_owned() };
    RunSpec { approach, ..spec(TaskGraph::new(Vec::new())) }
}

pub fn ask(title: &str, agent: &str, after: &[u32]) -> Task {
    let instruction = format!("Do {title}.");
    task(title, Work::Ask { agent: agent.into(), instruction }, after)
}

pub fn vote(title: &str, samples: u32, judge: Option<&str>) -> Task {
    let work = Work::Vote {
        agent: "analyst".into(),
        instruction: format!("Do {title}."),
        samples,
        judge: judge.map(AgentName::from),
    };
    task(title, work, &[])
}

pub fn check(title: &str, of: u32, rounds: u32, after: &[u32]) -> Task {
    let instruction = format!("{title} holds.");
    task(
        title,
        Work::Check { agent: "analyst".into(), instruction, of: TaskIndex(of), rounds },
        after,
    )
}

pub fn tool_task(title: &str, tool: &str, after: &[u32]) -> Task {
    let arguments = json!({"title": title}).as_object().unwrap().clone();
    task(title, Work::Tool { tool: tool.to_owned(), arguments }, after)
}

fn task(title: &str, work: Work, after: &[u32]) -> Task {
    let after = after.iter().copied().map(TaskIndex).collect();
    Task { title: title.to_owned(), work, after, max_tokens: None }
}

pub fn graph(tasks: impl IntoIterator<Item = Task>) -> TaskGraph {
    TaskGraph::new(tasks.into_iter().collect())
}

pub fn tool(name: &str, effects: ToolEffects) -> ToolSpec {
    ToolSpec {
        name: name.to_owned(),
        description: format!("The tool {name}."),
        input_schema: json!({"type": "object", "properties": {"title": {"type": "string"}}}),
        effects,
    }
}

/// A usage that stays within what was reserved.
pub fn usage(spec: &CallSpec, completion: u32) -> Usage {
    Usage {
        prompt_tokens: spec.prompt_tokens,
        completion_tokens: completion.clamp(1, spec.max_tokens),
        cached_tokens: 0,
    }
}

pub fn answer(spec: &CallSpec, text: &str) -> CallAnswer {
    CallAnswer {
        text: text.to_owned(),
        tool_calls: Vec::new(),
        finish: FinishReason::Stop,
        usage: usage(spec, 16),
        millijoules: Some(1_000),
        spans: Vec::new(),
    }
}

pub fn returned(text: &str) -> ToolCallResult {
    let output = ToolOutput { text: text.to_owned(), is_error: false, bytes_cut: 0 };
    ToolCallResult { output, tokens: None, spans: Vec::new() }
}

/// A driver in memory. It checks what holds for every run whenever an input is applied.
#[derive(Clone)]
pub struct Driver {
    pub run: Run,
    pub now: u64,
    pub calls: BTreeMap<CallId, CallSpec>,
    pub tools: BTreeMap<CallId, ToolCallSpec>,
    pub approvals: BTreeMap<harmonic_orchestrator::ApprovalId, Approval>,
    pub timers: BTreeMap<TimerId, u64>,
    /// Calls that were cancelled and whose end was not reported.
    pub cancelled: BTreeMap<CallId, CallSpec>,
    /// Journal: inputs with their times.
    pub journal: Vec<(u64, Input)>,
    /// All calls ever offered.
    pub offered: Vec<CallSpec>,
    pub tools_called: Vec<ToolCallSpec>,
    pub notes: Vec<String>,
    pub states: BTreeMap<TaskId, TaskState>,
    pub titles: BTreeMap<TaskId, String>,
    ids: BTreeSet<CallId>,
}

impl Driver {
    pub fn new(spec: RunSpec) -> Self {
        Self {
            run: Run::new(spec).unwrap(),
            now: 0,
            calls: BTreeMap::new(),
            tools: BTreeMap::new(),
            approvals: BTreeMap::new(),
            timers: BTreeMap::new(),
            cancelled: BTreeMap::new(),
            journal: Vec::new(),
            offered: Vec::new(),
            tools_called: Vec::new(),
            notes: Vec::new(),
            states: BTreeMap::new(),
            titles: BTreeMap::new(),
            ids: BTreeSet::new(),
        }
    }

    /// A run that has started.
    pub fn started(spec: RunSpec) -> Self {
        let mut driver = Self::new(spec);
        driver.feed(Input::Started);
        driver
    }

    pub fn feed(&mut self, input: Input) -> Vec<Action> {
        self.now += 10;
        match &input {
            Input::Answered { call, .. } | Input::Failed { call, .. } => {
                self.calls.remove(call);
                self.cancelled.remove(call);
            }
            Input::ToolReturned { call, .. } | Input::ToolFailed { call, .. } => {
                self.tools.remove(call);
            }
            Input::Decided { approval, .. } => {
                self.approvals.remove(approval);
            }
            Input::TimerFired { timer } => {
                let at = self.timers.remove(timer);
                self.now = self.now.max(at.unwrap_or(0));
            }
            Input::Stopped => self.timers.clear(),
            Input::Resumed => {
                // Nothing of what was open before is heard of again.
                self.timers.clear();
                self.calls.clear();
                self.tools.clear();
                self.cancelled.clear();
            }
            _ => {}
        }
        self.journal.push((self.now, input.clone()));
        let actions = self.run.apply(self.now, input);
        for action in &actions {
            self.take(action);
        }
        self.check();
        actions
    }

    fn take(&mut self, action: &Action) {
        match action {
            Action::Call { spec } => {
                assert!(self.ids.insert(spec.call), "an id is used once");
                self.offered.push((**spec).clone());
                self.calls.insert(spec.call, (**spec).clone());
            }
            Action::CallTool { spec } => {
                self.ids.insert(spec.call);
                self.tools_called.push((**spec).clone());
                let before = self.tools.insert(spec.call, (**spec).clone());
                assert!(before.is_none(), "a tool is called once for an id");
            }
            Action::Cancel { call } => {
                let model = self.calls.remove(call);
                let tool = self.tools.remove(call);
                assert!(model.is_some() || tool.is_some(), "what is cancelled is open: {call:?}");
                self.cancelled.extend(model.map(|spec| (*call, spec)));
            }
            Action::Ask { approval } => {
                self.approvals.insert(approval.id, approval.clone());
            }
            Action::Withdraw { approval } => {
                assert!(self.approvals.remove(approval).is_some());
            }
            Action::SetTimer { timer, at_ms } => {
                self.timers.insert(*timer, *at_ms);
            }
            Action::Publish { event } => self.hear(event),
        }
    }

    fn hear(&mut self, event: &RunEvent) {
        match event {
            RunEvent::Note { text } => self.notes.push(text.clone()),
            RunEvent::Task { task, state, title, .. } => {
                self.states.insert(*task, *state);
                self.titles.insert(*task, title.clone());
            }
            RunEvent::Decided { approval, .. } => {
                self.approvals.remove(approval);
            }
            RunEvent::State { .. } | RunEvent::Graph { .. } => {}
        }
    }

    /// What holds after every input.
    fn check(&self) {
        let open: Vec<Approval> = self.run.approvals();
        assert_eq!(open, self.approvals.values().cloned().collect::<Vec<_>>());
        match self.run.state() {
            RunState::Done | RunState::Partial { .. } | RunState::Failed { .. } => {
                assert!(self.run.has_ended());
                assert_eq!(
                    (self.calls.len(), self.tools.len()),
                    (0, 0),
                    "nothing is open at the end"
                );
                assert!(self.approvals.is_empty());
            }
            RunState::Running => assert!(
                self.journal.is_empty()
                    || !self.calls.is_empty()
                    || !self.tools.is_empty()
                    || !self.timers.is_empty()
                    || self.run.record().children.iter().any(|child| !child.has_ended),
                "a run that runs waits for something"
            ),
            RunState::WaitingForApproval => assert!(!self.approvals.is_empty()),
            RunState::Stopped => {}
        }
    }

    /// Answers the open call whose task has this title.
    pub fn answer(&mut self, title: &str, text: &str) -> Vec<Action> {
        let spec = self.call(title);
        self.feed(Input::Answered { call: spec.call, answer: answer(&spec, text) })
    }

    pub fn fail(&mut self, title: &str, failure: CallFailure) -> Vec<Action> {
        let call = self.call(title).call;
        self.feed(Input::Failed {
            call,
            failure,
            usage: None,
            millijoules: None,
            spans: Vec::new(),
        })
    }

    /// The first open call of the task with this title.
    pub fn call(&self, title: &str) -> CallSpec {
        let mut calls = self.calls.values();
        let found = calls.find(|spec| spec.title == title);
        found.unwrap_or_else(|| panic!("no open call of {title}: {:?}", self.open())).clone()
    }

    /// Titles of the open calls, of agents and tools.
    pub fn open(&self) -> Vec<&str> {
        let calls = self.calls.values().map(|spec| spec.title.as_str());
        calls.chain(self.tools.values().map(|spec| spec.title.as_str())).collect()
    }

    pub fn decide(&mut self, decision: Decision) -> Vec<Action> {
        let approval = *self.approvals.keys().next().expect("a person is asked");
        self.feed(Input::Decided { approval, decision })
    }

    /// Fires the next timer.
    pub fn fire(&mut self) -> Vec<Action> {
        let (timer, _) = self.timers.iter().min_by_key(|(_, at)| **at).expect("a timer is set");
        let timer = *timer;
        self.feed(Input::TimerFired { timer })
    }

    /// Text of the last turn of a call.
    pub fn prompt(spec: &CallSpec) -> String {
        spec.messages.last().unwrap().text().into_owned()
    }

    pub fn result(&self) -> (RunState, Option<String>) {
        let record = self.run.record();
        (record.state, record.answer)
    }

    /// Answers everything in order, each call by what it asks, until the run ends or only a person
    /// can help.
    pub fn finish(&mut self) {
        for _ in 0..10_000 {
            if self.run.has_ended() {
                return;
            }
            if let Some(spec) = self.calls.values().next().cloned() {
                let answer = scripted(&spec);
                self.feed(Input::Answered { call: spec.call, answer });
            } else if let Some(call) = self.tools.keys().next().copied() {
                self.feed(Input::ToolIntended { call });
                let title = self.tools[&call].title.clone();
                self.feed(Input::ToolReturned {
                    call,
                    result: returned(&format!("result of {title}")),
                });
            } else if self.run.state() == RunState::WaitingForApproval {
                return;
            } else {
                self.fire();
            }
        }
        panic!("the run does not end");
    }
}

/// An answer that depends on the request alone, not on when it is made.
pub fn scripted(spec: &CallSpec) -> CallAnswer {
    let text = match spec.purpose {
        CallPurpose::Check => r#"{"reasons":"fine","accept":true}"#.to_owned(),
        CallPurpose::Judge => r#"{"choice":1}"#.to_owned(),
        CallPurpose::Sample { .. } => "Answer: 42".to_owned(),
        CallPurpose::Plan => "no plan".to_owned(),
        CallPurpose::Ask | CallPurpose::Condense => {
            let prompt = spec.messages.iter().map(|message| message.text()).collect::<String>();
            let sum = prompt
                .bytes()
                .fold(0_u32, |sum, byte| sum.wrapping_mul(31).wrapping_add(u32::from(byte)));
            format!("{} #{sum:08x}", spec.title)
        }
    };
    answer(spec, &text)
}
