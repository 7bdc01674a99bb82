//! A team whose agents answer as they did in a recorded run.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use harmonic_app::runs::{
    RunService, RunTeam, ScriptedEngine, ServiceLimits, TeamMember, ToolSource,
};
use harmonic_engine::{Admitted, Cancel, Engine, Generation, Intercepted};
use harmonic_orchestrator::{Action, CallId, CallSpec, Input};
use harmonic_types::{Event, FinishReason, Rejection, Usage};
use tokio::sync::mpsc;

use crate::journals::JournalledRun;
use crate::support::settings;

/// The service of `home` with the team of `recorded`, whose answers take a few milliseconds.
pub fn recorded_service(
    home: &Path,
    recorded: &JournalledRun,
    tools: Arc<dyn ToolSource>,
) -> RunService {
    let script = ScriptedEngine::default();
    let mut calls: BTreeMap<CallId, CallSpec> = BTreeMap::new();
    recorded.fold(|_, input, actions| {
        if let Input::Answered { call, answer } = input
            && let Some(spec) = calls.get(call)
        {
            script.record(spec, Some(answer.clone()));
        }
        for action in actions {
            if let Action::Call { spec } = action {
                calls.insert(spec.call, (**spec).clone());
            }
        }
    });
    let engine = slow(script);
    let spec = &recorded.spec;
    let members = spec.agents.iter().map(|agent| TeamMember {
        name: agent.name.clone(),
        tier: agent.tier,
        role: agent.role.clone(),
        prompt: agent.prompt.clone(),
        context: agent.context,
        parameters: agent.parameters,
        engine: Arc::clone(&engine),
    });
    let team = RunTeam::new("starter", members.collect(), spec.places).unwrap();
    let journals = settings(home).journals;
    RunService::open(&journals, Arc::new(team), tools, ServiceLimits::default()).unwrap()
}

/// Recorded answers that take their time. What was not recorded is answered, too: a call of a tool
/// whose result a crash took changes what the tasks after it read.
fn slow(script: ScriptedEngine) -> Arc<dyn Engine> {
    Arc::new(Intercepted::new(Arc::new(script), |script, request| {
        let id = request.id;
        let recorded = script.submit(request);
        async move {
            // Different for each, so that calls end in any order.
            tokio::time::sleep(Duration::from_millis(4 + id.0 % 7)).await;
            match recorded.await {
                Err(Rejection::Invalid { .. }) => {
                    let (sender, events) = mpsc::unbounded_channel();
                    let text = "It was not recorded.".to_owned();
                    let _ = sender.send(Event::Text { text, logprobs: Vec::new() });
                    let usage = Usage { prompt_tokens: 1, completion_tokens: 1, cached_tokens: 0 };
                    let _ = sender.send(Event::Finished { reason: FinishReason::Stop, usage });
                    let (slot, queued, prompt_tokens) = (0, Duration::ZERO, 1);
                    let admitted = Admitted { request: id, slot, queued, prompt_tokens };
                    Ok(Generation::new(admitted, events, Cancel::new(|| {})))
                }
                answered => answered,
            }
        }
        .boxed()
    }))
}
