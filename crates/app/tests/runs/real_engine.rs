//! A run on llama.cpp and the starter model, which `make test` has pulled: its agent calls a tool of an
//! MCP server.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::sync::Arc;

use futures::StreamExt;
use harmonic_api::runs::{RequestedTools, RunApproach, RunChange};
use harmonic_app::engines::PlanEngineFactory;
use harmonic_app::runs::ServiceLimits;
use harmonic_app::{EngineProcesses, NoObserver, Settings, TeamRequest, inspect, plan};
use harmonic_engine::{Engine, Intercepted};
use harmonic_events::EventStream;
use harmonic_gateway::{RunDelivery, Runs};
use harmonic_types::{Role, SpanKind, Task, TaskGraph, TaskState, ToolChoice, Work};

use crate::mcp_servers::{Home, SET};
use crate::store;
use crate::support::{Setup, Team, ended, has_answer, new_run, nobody};

/// Lets an agent that has tools call one before it answers, which such a small model does not do by
/// itself. With what it is called is the model's choice, as far as the schema of the tool leaves one.
fn must_call(engine: Arc<dyn Engine>) -> Arc<dyn Engine> {
    Arc::new(Intercepted::new(engine, |engine, mut request| {
        let is_called = request.prompt.messages().iter().any(|message| message.role == Role::Tool);
        if !request.prompt.tools().is_empty() && !is_called {
            request.tool_choice = ToolChoice::Required;
        }
        engine.submit(request)
    }))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_of_a_real_model_calls_a_tool_of_a_real_server_and_answers() {
    let home = Home::new(&["choice"]);
    let settings = Settings { store: store::open(), ..home.settings() };
    let team = TeamRequest::default();
    let stack = team.resolve(&settings).unwrap();
    let hardware = inspect::hardware().unwrap();
    let plan = plan::plan(&hardware, &stack, &team, &settings, &NoObserver).unwrap();
    let events = EventStream::default();
    let processes = EngineProcesses {
        guard: None,
        folder: home.folder.path().to_owned(),
        path: OsString::new(),
        environment: BTreeMap::new(),
    };
    let factory = PlanEngineFactory::of(&plan, 32, None, processes, events.clone());
    let setup = Setup {
        tools: Arc::new(home.tool_sets()),
        limits: ServiceLimits::default(),
        plan,
        factory: Arc::new(factory),
        events,
        before: must_call,
        ..Setup::new(home.folder.path())
    };
    let team = Team::of(home.folder.path(), setup).await;
    let service = &team.service;
    let task = Task {
        title: "Find the word".to_owned(),
        work: Work::Ask { agent: "coder".into(), instruction: "Choose a word.".to_owned() },
        after: Vec::new(),
        max_tokens: Some(48),
    };
    let mut new = new_run(RunApproach::Plan(TaskGraph::new(vec![task])));
    new.request.goal = "Tell a word.".to_owned();
    let sets = vec![SET.to_owned()];
    new.request.tools = RequestedTools { sets, ..RequestedTools::default() };
    let run = service.create_run(nobody(), new).await.unwrap();
    let mut updates = service.events(nobody(), run.id.clone(), Some(0)).await.unwrap();
    let mut called = BTreeSet::new();
    while let Some(delivery) = updates.next().await {
        let RunDelivery::Update(update) = delivery else { continue };
        if let RunChange::ToolCalled { tool, arguments, .. } = &update.change {
            assert_eq!(tool, "choice.call");
            let arguments: serde_json::Value = serde_json::from_str(arguments).unwrap();
            called.insert(arguments["word"].as_str().unwrap().to_owned());
        }
    }
    assert!(!called.is_empty(), "no tool was called");
    assert!(called.iter().all(|word| ["river", "stone", "garden"].contains(&word.as_str())));
    let record = ended(service, &nobody(), &run.id).await;
    assert!(has_answer(&record), "{record:?}");
    assert_eq!(record.tasks[0].state, TaskState::Done);
    assert!(record.tasks[0].spans.iter().any(|span| span.kind == SpanKind::Tool), "{record:?}");
    assert_eq!(service.replay(nobody(), run.id).await.unwrap().difference, None);
    team.idle().await;
}
