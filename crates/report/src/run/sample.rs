//! Records for the tests of this folder.

use harmonic_types::{
    AgentName, Joules, RunBudget, RunId, RunRecord, RunSpent, RunState, SpanKind, Task, TaskGraph,
    TaskIndex, TaskRecord, TaskSpan, TaskState, Work,
};
use serde_json::Map;

/// Times of a call from `from_ms` on: wait, prefill, decode.
pub fn call(from_ms: u64, [wait, prefill, decode]: [u64; 3], slot: u32) -> Vec<TaskSpan> {
    let mut at = from_ms;
    let kinds = [
        (SpanKind::Queued, wait, None),
        (SpanKind::Prefill, prefill, Some(slot)),
        (SpanKind::Decode, decode, Some(slot)),
    ];
    let span = |(kind, length, slot): (SpanKind, u64, Option<u32>)| {
        let from_ms = at;
        at += length;
        (length > 0).then_some(TaskSpan { kind, from_ms, to_ms: at, slot })
    };
    kinds.into_iter().filter_map(span).collect()
}

fn ask(title: &str, agent: &str, after: &[u32]) -> Task {
    Task {
        title: title.to_owned(),
        work: Work::Ask {
            agent: AgentName(agent.to_owned()),
            instruction: format!("Do this: {title}."),
        },
        after: after.iter().copied().map(TaskIndex).collect(),
        max_tokens: None,
    }
}

fn done(task: &Task, spans: Vec<TaskSpan>, text: &str) -> TaskRecord {
    let time_ms = spans.iter().map(TaskSpan::ms).sum();
    TaskRecord {
        title: task.title.clone(),
        agent: task.work.agent().cloned(),
        kind: match task.work {
            Work::Ask { .. } => "ask",
            Work::Vote { .. } => "vote",
            Work::Check { .. } => "check",
            Work::Tool { .. } => "tool",
        }
        .to_owned(),
        state: TaskState::Done,
        spans,
        text: Some(text.to_owned()),
        spent: RunSpent {
            prompt_tokens: 240,
            cached_tokens: 200,
            output_tokens: 60,
            time_ms,
            joules: None,
        },
    }
}

/// Two parallel answers and a join, done, without a meter.
pub fn small() -> RunRecord {
    let tasks = vec![
        ask("Arguments for", "research_director", &[]),
        ask("Arguments against", "analyst", &[]),
        ask("Judgement", "executive", &[0, 1]),
    ];
    let records = vec![
        done(&tasks[0], call(0, [0, 120, 1400], 0), "It is cheap."),
        done(&tasks[1], call(0, [40, 130, 1250], 1), "It is slow.\n\n- very\n- slow"),
        done(&tasks[2], call(1520, [0, 90, 880], 0), "Do it.\nSlowly."),
    ];
    RunRecord {
        schema: RunRecord::SCHEMA.to_owned(),
        id: RunId("run_01ARZ3NDEKTSV4RRFFQ69G5FAV".to_owned()),
        goal: "Should we walk?".to_owned(),
        origin: "recipe:split".to_owned(),
        started_ms: 1_796_000_000_000,
        state: RunState::Done,
        graph: Some(TaskGraph::new(tasks)),
        tasks: records,
        answer: Some("Do it.\nSlowly.".to_owned()),
        budget: RunBudget::default(),
        spent: RunSpent {
            prompt_tokens: 720,
            cached_tokens: 600,
            output_tokens: 180,
            time_ms: 2490,
            joules: None,
        },
        parent: None,
        children: Vec::new(),
    }
}

/// Twelve tasks after a plan: wide, with a vote, a check, a tool, times of all kinds, a failed and a
/// skipped task; partial, metered.
pub fn wide() -> RunRecord {
    let mut tasks =
        vec![ask("Read the invoices and list every total with its currency", "operator", &[])];
    for n in 1..=7 {
        tasks.push(ask(&format!("Check the totals of part {n}"), "analyst", &[0]));
    }
    "Look for duplicates among all invoices of the last seven years"
        .clone_into(&mut tasks[7].title);
    let analyst = AgentName("analyst".to_owned());
    tasks.push(Task {
        work: Work::Vote {
            agent: analyst,
            instruction: "Which currency is it?".to_owned(),
            samples: 3,
            judge: None,
        },
        ..ask("Currency", "analyst", &[0, 1, 2])
    });
    tasks.push(Task {
        work: Work::Tool { tool: "workspace.write".to_owned(), arguments: Map::new() },
        ..ask("Save the table", "", &[3, 4, 8])
    });
    tasks.push(Task {
        work: Work::Check {
            agent: AgentName("reviewer".to_owned()),
            instruction: "All totals add up.".to_owned(),
            of: TaskIndex(6),
            rounds: 2,
        },
        ..ask("Totals add up", "reviewer", &[5, 6, 7])
    });
    tasks.push(ask("Report", "executive", &[0, 8, 9, 10]));

    let mut plan =
        done(&ask("Plan", "executive", &[]), call(0, [0, 900, 2100], 0), "{\"tasks\":[]}");
    "plan".clone_into(&mut plan.kind);
    let mut records = vec![plan];
    for ((task, n), slot) in tasks.iter().zip(0_u64..).zip((0..4).cycle()) {
        let mut record = done(
            task,
            call(3000 + 2500 * n.min(1) + 70 * n, [300 * n, 250, 2000 + 130 * n], slot),
            "Fine.",
        );
        record.spent.joules = Some(Joules(12.5 + n as f64));
        records.push(record);
    }
    // A vote: three at once.
    records[9].spans =
        (0..3).flat_map(|n| call(9000, [0, 200, 1500 + 400 * u64::from(n)], n)).collect();
    let preempted = TaskSpan { kind: SpanKind::Preempted, from_ms: 8000, to_ms: 9500, slot: None };
    records[4].spans.extend([
        preempted,
        TaskSpan { kind: SpanKind::Decode, from_ms: 9500, to_ms: 10_400, slot: Some(3) },
    ]);
    let person = TaskSpan { kind: SpanKind::Person, from_ms: 11_100, to_ms: 14_000, slot: None };
    let tool = TaskSpan { kind: SpanKind::Tool, from_ms: 14_000, to_ms: 14_900, slot: None };
    records[10].spans = vec![person, tool];
    records[10].spent = RunSpent { time_ms: 3800, ..RunSpent::default() };
    (records[11].state, records[11].text) = (TaskState::Failed, None);
    records[12] = TaskRecord {
        state: TaskState::Skipped,
        spans: Vec::new(),
        text: None,
        spent: RunSpent::default(),
        ..records[12].clone()
    };
    RunRecord {
        goal: "Check the invoices in the folder, and write a table of all totals.\n\nUse euros."
            .to_owned(),
        origin: "plan".to_owned(),
        state: RunState::Partial { reason: "the budget of 20000 tokens was reached".to_owned() },
        graph: Some(TaskGraph::new(tasks)),
        tasks: records,
        answer: Some("| total |\n|--|\n| 12 |".to_owned()),
        budget: RunBudget { tokens: Some(20_000), time_ms: Some(300_000), joules: None },
        spent: RunSpent {
            prompt_tokens: 15_000,
            cached_tokens: 2_000,
            output_tokens: 7_000,
            time_ms: 12_000,
            joules: Some(Joules(214.0)),
        },
        ..small()
    }
}

/// Texts that try to be anything but text, in every place that a stranger can write to.
pub fn hostile() -> RunRecord {
    let evil = "</text></svg></div><script>alert('1')</script>\"'& ]]> `````` </details>\n````\n# h\n\
                [a](javascript:x) | c | <!-- \u{1b}[2J\u{0}\u{202e}gnp.exe\u{2066} \u{fffe}";
    let long = "W".repeat(400);
    let mut tasks = vec![
        ask(evil, evil, &[]),
        ask(&long, &long, &[0, 0]),
        ask("", "a", &[1, 7, 4_000_000_000]),
    ];
    tasks[2].work = Work::Tool { tool: evil.to_owned(), arguments: Map::new() };
    let mut records: Vec<TaskRecord> = tasks
        .iter()
        .zip(0..)
        .map(|(task, n)| done(task, call(n * 300, [5, 10, 200], u32::MAX), evil))
        .collect();
    evil.clone_into(&mut records[1].kind);
    records[2].spans.push(TaskSpan { kind: SpanKind::Tool, from_ms: 900, to_ms: 10, slot: None });
    records[2].text = Some("漢字 👩\u{200d}💻 مرحبا".to_owned());
    RunRecord {
        id: RunId(evil.to_owned()),
        goal: evil.to_owned(),
        origin: format!("recipe:{evil}"),
        started_ms: u64::MAX,
        state: RunState::Failed { reason: evil.to_owned() },
        graph: Some(TaskGraph::new(tasks)),
        tasks: records,
        answer: Some(evil.to_owned()),
        ..small()
    }
}
