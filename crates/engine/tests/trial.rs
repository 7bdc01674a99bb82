//! Trials of forms in a separate process, which is this program with its own `main`.
#![allow(clippy::expect_used, clippy::print_stdout, reason = "a test with a main of its own")]

use std::io;
use std::sync::Arc;
use std::time::Duration;

use harmonic_engine::constraint::{Compiler, Form, FormTrial, run_trial};
use harmonic_engine::sim::SimVocabulary;
use harmonic_types::{ClientName, Format};
use serde_json::json;

const TRY: &str = "--try-form";
/// A trial that never ends.
const HANG: &str = "--hang";

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.first().map(String::as_str) {
        Some(TRY) => return run_trial(io::stdin(), io::stdout()).expect("a trial"),
        Some(HANG) => loop {
            std::thread::sleep(Duration::from_secs(1));
        },
        // Listing of tests, as by nextest.
        Some("--list") => return,
        _ => {}
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    runtime.expect("a runtime").block_on(async {
        costly_forms_are_refused_by_their_trial().await;
        large_forms_that_are_cheap_pass_their_trial().await;
        a_trial_ends_with_its_request().await;
    });
    println!("trial: ok");
}

fn compiler(argument: &str) -> Compiler {
    let program = std::env::current_exe().expect("its own path");
    let trial = FormTrial { program, arguments: vec![argument.into()] };
    Compiler::new("sim", Arc::new(SimVocabulary), Some(trial))
}

fn schema(schema: &serde_json::Value) -> Form {
    Form::of(&Format::JsonSchema(schema.to_string())).expect("within the limits")
}

/// Many expressions that must all match, whose product the compiler expands in each step.
async fn costly_forms_are_refused_by_their_trial() {
    let words: Vec<_> = (0..90)
        .map(|at| json!({"type": "string", "pattern": format!("^(.*a.{{{}}})*b{at}.*$", 20 + at)}))
        .collect();
    let error =
        compiler(TRY).compile(schema(&json!({"allOf": words})), &ClientName::default()).await;
    let error = error.expect_err("costs too much").to_string();
    assert!(error.starts_with("cannot constrain the answer to this schema"), "{error}");
}

async fn large_forms_that_are_cheap_pass_their_trial() {
    let properties: serde_json::Map<String, serde_json::Value> =
        (0..600).map(|at| (format!("p{at}"), json!({"type": "integer"}))).collect();
    let required: Vec<&String> = properties.keys().collect();
    let wide = json!({"type": "object", "required": required, "properties": properties,
        "additionalProperties": false});
    compiler(TRY).compile(schema(&wide), &ClientName::default()).await.expect("wide, and cheap");
    let wrong = json!({"allOf": [wide, {"if": true}]});
    let error = compiler(TRY)
        .compile(schema(&wrong), &ClientName::default())
        .await
        .expect_err("no such keyword");
    assert!(error.to_string().contains("Unimplemented keys: [\"if\"]"), "{error}");
}

/// The semaphore has one permit, released only when the previous trial has been killed.
async fn a_trial_ends_with_its_request() {
    let (compiler, client) = (compiler(HANG), ClientName::default());
    let values: Vec<u32> = (0..3000).collect();
    let form = schema(&json!({"enum": values}));
    for _ in 0..3 {
        let tried = compiler.compile(form.clone(), &client);
        tokio::time::timeout(Duration::from_millis(300), tried).await.expect_err("it hangs");
    }
    // A killed process may take a moment to end; it is reaped, so that no zombie stays.
    for _ in 0..500 {
        if children().is_empty() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(children(), Vec::<String>::new(), "no trial outlives its request");
}

/// Child processes of this one, including zombies.
fn children() -> Vec<String> {
    let own = std::process::id().to_string();
    let all = std::fs::read_dir("/proc").expect("a list of processes");
    let lines =
        all.flatten().filter_map(|entry| std::fs::read_to_string(entry.path().join("stat")).ok());
    lines
        .filter(|line| {
            // `pid (name) state parent …`
            let mut fields = line.rsplit(')').next().unwrap_or_default().split_whitespace();
            fields.nth(1) == Some(own.as_str())
        })
        .collect()
}
