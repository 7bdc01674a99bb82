use std::sync::Arc;
use std::time::Duration;

use harmonic_engine::sim::spawn;
use harmonic_engine::{Engine, EngineError, LocalConfig};
use harmonic_events::EventStream;
use harmonic_types::EnginePlan;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::engine_factory::{EngineFactory, NoProgress};
use crate::fixtures::{GB, paper, plan};
use crate::{Deployment, LaunchError};

fn read(text: &str) -> Result<Plan, PlanFileError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("plan.json");
    std::fs::write(&path, text).unwrap();
    read_plan(&path)
}

#[test]
fn a_plan_that_was_written_is_read_as_it_was() {
    let text = serde_json::to_string(&plan()).unwrap();
    assert_eq!(read(&text).unwrap(), plan());
    let engine = &serde_json::from_str::<Value>(&text).unwrap()["engines"][0];
    assert_eq!((&engine["kind"], &engine["kv_tokens"]), (&json!("sim"), &json!(1024)));
}

#[test]
fn another_schema_is_refused_with_the_command_for_a_new_plan() {
    let hostile = "\u{1b}[2J\n".repeat(50);
    for (found, shown) in [
        ("harmonic.plan/2", "`harmonic.plan/2`"),
        ("harmonic.curve/1", "`harmonic.curve/1`"),
        ("", "``"),
        (hostile.as_str(), r"`\u{1b}[2J\n\u{1b}[2J\n"),
    ] {
        let error = read(&json!({"schema": found}).to_string()).unwrap_err().to_string();
        assert!(error.contains("plan.json has the schema"), "{error}");
        assert!(error.contains(shown) && error.contains("`harmonic.plan/3`"), "{error}");
        assert!(error.contains("harmonic plan --json > "), "{error}");
        assert!(!error.contains(char::is_control) && error.len() < 400, "{error}");
    }
}

#[test]
fn the_command_names_the_file_where_its_name_needs_no_quoting() {
    for (path, named) in [
        ("plan.json", "plan.json"),
        ("/tmp/a-b_c.json", "/tmp/a-b_c.json"),
        ("a; rm b", "FILE"),
        ("$(x)", "FILE"),
        ("-x", "FILE"),
        ("a\nb", "FILE"),
    ] {
        assert_eq!(command(Path::new(path)), format!("harmonic plan --json > {named}"));
    }
}

#[test]
fn an_invalid_plan_is_refused_with_the_parsers_error() {
    let of = |change: fn(&mut Value)| {
        let mut document = serde_json::to_value(plan()).unwrap();
        change(&mut document);
        let error = read(&document.to_string()).unwrap_err();
        let source = std::error::Error::source(&error).map(ToString::to_string);
        format!("{error}: {}", source.unwrap_or_default())
    };
    for (change, words) in [
        ((|plan| *plan = json!([])) as fn(&mut Value), "invalid length 0"),
        (|plan| plan["engines"][0]["kind"] = json!("mlx"), "unknown variant `mlx`"),
        (|plan| plan["engines"][0]["kind"] = json!("llama"), "missing field `attention`"),
        (|plan| plan["engines"][0]["kv_tokens"] = json!(-1), "invalid value: integer `-1`"),
        (|plan| plan["agents"] = Value::Null, "invalid type: null"),
    ] {
        let error = of(change);
        assert!(error.contains("plan.json is not a plan") && error.contains(words), "{error}");
    }
    let long = read(&" ".repeat(usize::try_from(MAX_DOCUMENT).unwrap() + 1)).unwrap_err();
    assert!(matches!(long, PlanFileError::TooLong { .. }), "{long}");
}

/// Factory of simulated engines.
struct Sims;

impl EngineFactory for Sims {
    fn start(&self, plan: &Plan, engine: &EnginePlan) -> Result<Arc<dyn Engine>, EngineError> {
        let paper = paper(engine.weights_bytes, engine.local().unwrap().kv_type);
        Ok(Arc::new(spawn(LocalConfig::of(plan, engine, engine.local().unwrap()), paper)?))
    }

    fn available(&self) -> Option<Bytes> {
        None
    }
}

/// JSON pointers to every value in `document`.
fn pointers(document: &Value, at: String, all: &mut Vec<String>) {
    match document {
        Value::Object(fields) => {
            for (name, value) in fields {
                pointers(value, format!("{at}/{name}"), all);
            }
        }
        Value::Array(items) => {
            for (index, value) in items.iter().enumerate() {
                pointers(value, format!("{at}/{index}"), all);
            }
        }
        _ => {}
    }
    all.push(at);
}

fn hostile() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        Just(json!(true)),
        Just(json!([])),
        Just(json!({})),
        Just(json!("")),
        Just(json!("one")),
        Just(json!("\u{0}\u{1b}")),
        Just(json!(1e300)),
        Just(json!(-1)),
        any::<i64>().prop_map(Value::from),
        (0..400u64).prop_map(Value::from),
        Just(json!(u32::MAX)),
        Just(json!(u64::from(u32::MAX) + 1)),
        Just(json!(u64::MAX)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    /// A panic of the engine's thread would show as `Health::Died`.
    #[test]
    fn a_hostile_plan_starts_or_is_refused(
        changes in prop::collection::vec((any::<prop::sample::Index>(), hostile()), 1..4),
    ) {
        let mut document = serde_json::to_value(plan()).unwrap();
        for (index, value) in changes {
            let mut all = Vec::new();
            pointers(&document, String::new(), &mut all);
            let pointer: &String = index.get(&all);
            *document.pointer_mut(pointer).unwrap() = value;
        }
        let Ok(plan) = read(&document.to_string()) else { return Ok(()) };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let started = runtime.block_on(async {
            let events = EventStream::default();
            let (plan, factory) = (Arc::new(plan), Arc::new(Sims));
            let start = Deployment::start(plan, factory, Bytes(GB), &events, &NoProgress);
            let deployment = start.await?;
            let engines: Vec<_> = deployment.engines().map(|(_, engine)| engine.clone()).collect();
            deployment.drain(Duration::ZERO).await;
            Ok(engines.iter().map(|engine| engine.status().health).collect::<Vec<_>>())
        });
        match started {
            Ok(ends) => {
                let died = |end| matches!(end, &harmonic_engine::Health::Died { .. });
                prop_assert!(!ends.iter().any(died), "{ends:?} of {document}");
            }
            Err(error) => prop_assert!(!matches!(error, LaunchError::Panicked { .. }), "{error}"),
        }
    }
}
