use harmonic_types::{Task, TaskIndex, Tier, ToolEffects, ToolSpec, Work};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

fn agents() -> Vec<AgentProfile> {
    let agent = |name: &str, tools: &[&str]| AgentProfile {
        name: name.into(),
        tier: Tier::Specialists,
        role: String::new(),
        prompt: String::new(),
        prompt_tokens: 0,
        overhead_tokens: 0,
        context: 4_096,
        parameters: None,
        tools: tools.iter().map(|tool| (*tool).to_owned()).collect(),
    };
    vec![agent("coder", &["disk.read"]), agent("analyst", &[])]
}

fn tools() -> Vec<ToolSpec> {
    vec![ToolSpec {
        name: "disk.read".to_owned(),
        description: String::new(),
        input_schema: json!({"type": "object"}),
        effects: ToolEffects::ReadOnly,
    }]
}

/// All faults of a graph of `tasks`, as JSON.
fn faults(tasks: &Value) -> String {
    let (agents, tools) = (agents(), tools());
    let rules = GraphRules { agents: &agents, tools: &tools, tasks: 16 };
    let document = json!({"schema": TaskGraph::SCHEMA, "tasks": tasks});
    rules
        .read(&document.to_string())
        .map_or_else(|errors| errors.to_string(), |_| "valid".to_owned())
}

fn ask(title: &str, after: &[u32]) -> Value {
    json!({"title": title, "kind": "ask", "agent": "coder", "instruction": format!("Do {title}."), "after": after})
}

/// `task` with `field` set to `value`.
fn with(mut task: Value, field: &str, value: Value) -> Value {
    task[field] = value;
    task
}

#[test]
fn a_graph_of_every_kind_is_valid() {
    let vote = json!({"title": "v", "kind": "vote", "agent": "analyst", "instruction": "Vote.", "samples": 3, "judge": "coder"});
    let tool =
        json!({"title": "t", "kind": "tool", "tool": "disk.read", "arguments": {"path": "x"}});
    let check = json!({"title": "c", "kind": "check", "agent": "analyst", "instruction": "Holds.", "of": 2, "rounds": 1, "after": [2]});
    assert_eq!(faults(&json!([vote, tool, ask("a", &[0, 1]), check, ask("end", &[2])])), "valid");
}

#[test]
fn every_fault_names_task_field_and_remedy() {
    let a = || ask("a", &[]);
    let check = |of: u32, after: &[u32]| json!({"title": "c", "kind": "check", "agent": "analyst", "instruction": "Holds.", "of": of, "rounds": 1, "after": after});
    let cases = [
        ("a slip in an agent's name", json!([with(a(), "agent", json!("codr"))])),
        ("a later task", json!([ask("a", &[1]), ask("b", &[0])])),
        ("itself", json!([a(), ask("b", &[0, 1])])),
        ("an order", json!([a(), ask("b", &[]), ask("end", &[1, 0])])),
        ("an unknown field", json!([with(a(), "instructon", json!("x"))])),
        ("a field of another kind", json!([with(a(), "samples", json!(3))])),
        ("an unknown kind", json!([with(a(), "kind", json!("asks"))])),
        ("a missing field", json!([{"title": "a", "kind": "ask", "agent": "coder"}])),
        ("a wrong type", json!([with(a(), "after", json!("none"))])),
        ("a number out of range", json!([with(a(), "max_tokens", json!(-1))])),
        ("too many tokens", json!([with(a(), "max_tokens", json!(5000))])),
        ("no tokens", json!([with(a(), "max_tokens", json!(0))])),
        ("a title of two lines", json!([with(a(), "title", json!("a\nb"))])),
        ("a long title", json!([with(a(), "title", json!("t".repeat(81)))])),
        ("an empty instruction", json!([with(a(), "instruction", json!("  "))])),
        (
            "a tool that the agent lacks",
            json!([with(
                with(a(), "agent", json!("analyst")),
                "instruction",
                json!("Use disk.read.")
            )]),
        ),
        (
            "an unknown tool",
            json!([{"title": "t", "kind": "tool", "tool": "disk.reed", "arguments": {}}]),
        ),
        (
            "one sample",
            json!([{"title": "v", "kind": "vote", "agent": "coder", "instruction": "x", "samples": 1}]),
        ),
        ("three rounds", json!([a(), with(check(0, &[0]), "rounds", json!(3))])),
        ("a check of what it does not read", json!([a(), ask("b", &[0]), check(0, &[1])])),
        (
            "a check of a check",
            json!([a(), check(0, &[0]), with(check(1, &[1]), "title", json!("d"))]),
        ),
        (
            "two checks",
            json!([
                a(),
                check(0, &[0]),
                with(check(0, &[0]), "instruction", json!("Else.")),
                ask("end", &[1, 2])
            ]),
        ),
        (
            "a duplicate",
            json!([
                a(),
                with(with(a(), "title", json!("b")), "instruction", json!("DO: a!")),
                ask("end", &[0, 1])
            ]),
        ),
        ("a task that nobody uses", json!([a(), ask("b", &[]), ask("end", &[0])])),
        ("no task", json!([])),
        ("no object", json!([1])),
    ];
    let shown = cases
        .map(|(name, tasks)| format!("{name}\n    {}", faults(&tasks).replace('\n', "\n    ")));
    insta::assert_snapshot!(shown.join("\n"));
}

#[test]
fn documents_that_are_no_graphs_are_refused() {
    let (agents, tools) = (agents(), tools());
    let rules = GraphRules { agents: &agents, tools: &tools, tasks: 16 };
    let refused = |text: &str| rules.read(text).unwrap_err().to_string();
    assert!(refused("{").starts_with("graph: invalid JSON"));
    assert_eq!(refused("[]"), "graph: expected an object with `schema` and `tasks`");
    assert!(
        refused(r#"{"schema":"harmonic.task-graph/2","tasks":[]}"#)
            .contains("expected \"harmonic.task-graph/1\"")
    );
    assert!(
        refused(r#"{"schema":"harmonic.task-graph/1","task":[]}"#)
            .contains("did you mean `tasks`?")
    );
    assert!(refused(&format!(r#"{{"tasks":{}"#, "[".repeat(100_000))).contains("invalid JSON"));
    let many = json!({"schema": TaskGraph::SCHEMA, "tasks": vec![ask("a", &[]); 1_000]});
    assert_eq!(refused(&many.to_string()), "tasks: 1000 tasks: expected 16 at most");
    let deep = (0..60).fold(json!(1), |value, _| json!([value]));
    let task =
        json!({"title": "t", "kind": "tool", "tool": "disk.read", "arguments": {"deep": deep}});
    assert!(faults(&json!([task])).contains("tasks[0].arguments: nested too deep"));
}

#[test]
fn a_check_counts_as_used_where_what_it_checks_is() {
    let check = json!({"title": "c", "kind": "check", "agent": "analyst", "instruction": "Holds.", "of": 0, "rounds": 1, "after": [0]});
    assert_eq!(faults(&json!([ask("a", &[]), check, ask("end", &[0])])), "valid");
}

#[test]
fn plans_of_models_are_put_in_order() {
    let json = r#"{"title":" a\n b ","kind":"check","agent":"x","instruction":"y","of":1,"rounds":1,"after":[3,0,3]}"#;
    let task = plan_task(4, json).unwrap();
    assert_eq!(task.title, "a b");
    assert_eq!(task.after, [TaskIndex(0), TaskIndex(1), TaskIndex(3)]);
    assert!(
        plan_task(0, r#"{"title":"","kind":"ask","agent":"x","instruction":"y","bogus":1}"#)
            .is_err()
    );
}

proptest! {
    #[test]
    fn any_tasks_are_judged_without_a_panic_and_those_accepted_name_earlier_tasks(
        drawn in prop::collection::vec((0_u32..6, prop::collection::vec(0_u32..6, 0..4), "[a-c]{0,3}", 0_u8..3), 0..8),
    ) {
        let task = |(number, after, text, kind): (u32, Vec<u32>, String, u8)| Task {
            title: text.clone(),
            work: match kind {
                0 => Work::Ask { agent: "coder".into(), instruction: text },
                1 => Work::Check { agent: "coder".into(), instruction: text, of: TaskIndex(number), rounds: number },
                _ => Work::Vote { agent: "coder".into(), instruction: text, samples: number, judge: None },
            },
            after: after.into_iter().map(TaskIndex).collect(),
            max_tokens: Some(number),
        };
        let graph = TaskGraph::new(drawn.into_iter().map(task).collect());
        let agents = agents();
        let rules = GraphRules { agents: &agents, tools: &[], tasks: 16 };
        match rules.check(&graph) {
            Ok(()) => for (at, task) in graph.tasks.iter().enumerate() {
                prop_assert!(task.after.iter().all(|earlier| (earlier.0 as usize) < at));
            },
            Err(errors) => prop_assert!((1..=GraphErrors::LISTED).contains(&errors.0.len())),
        }
    }

    #[test]
    fn normalising_twice_is_normalising_once(text: String) {
        let once = normalised(&text);
        prop_assert_eq!(normalised(&once), once);
    }
}

#[test]
fn a_value_of_another_type_is_named_by_its_field() {
    for (field, value) in [
        ("after", "[-1]"),
        ("after", "1"),
        ("title", "1"),
        ("instruction", "null"),
        ("agent", "[]"),
        ("max_tokens", "-1"),
        ("max_tokens", "4294967296"),
    ] {
        let mut task = serde_json::json!({"title": "a", "kind": "ask", "agent": "coder",
            "instruction": "b", "after": []});
        task[field] = serde_json::from_str(value).unwrap();
        let graph = serde_json::json!({"schema": TaskGraph::SCHEMA, "tasks": [task]});
        let error = read_graph(&graph.to_string()).unwrap_err().to_string();
        assert!(error.contains(&format!("tasks[0].{field}: ")), "{field} = {value}: {error}");
    }
}
