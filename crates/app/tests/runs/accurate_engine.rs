//! An engine that knows the items of suites, and is right as often as it is told to be.

use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use harmonic_engine::{
    Admitted, AgentSlots, AgentUse, Allocation, Cancel, Capabilities, Drained, Engine, EngineError,
    EngineStatus, Forms, Generation, Health, Identity, ReslotError,
};
use harmonic_eval::{Arm, Expected, Item, run_seed};
use harmonic_types::{Event, FinishReason, Rejection, Request, Tokens, Usage};
use tokio::sync::{Notify, mpsc};

/// How often an item is answered rightly.
#[derive(Clone, Copy)]
pub struct Accuracy {
    /// By one agent.
    pub solo: f64,
    /// By the agent that joins a team's results.
    pub team: f64,
}

/// The engine. All wrong answers to an item are the same; what is no item is answered when the gate
/// is notified.
pub struct AccurateEngine {
    items: Vec<(Item, Accuracy)>,
    pub gate: Arc<Notify>,
}

impl AccurateEngine {
    pub fn new(suites: [(Vec<Item>, Accuracy); 2]) -> Self {
        let items = suites
            .into_iter()
            .flat_map(|(items, accuracy)| items.into_iter().map(move |item| (item, accuracy)));
        Self { items: items.collect(), gate: Arc::default() }
    }

    /// The answer; `None` to what is no item.
    fn answer(&self, request: &Request) -> Option<String> {
        let text = text(request);
        let known = self.items.iter().position(|(item, _)| {
            let has_brief = item.brief.as_ref().is_none_or(|brief| text.contains(brief));
            text.contains(&item.goal) && has_brief
        });
        let index = known?;
        let (item, accuracy) = &self.items[index];
        let accuracy = if text.contains("Reach the goal, and give the answer alone.") {
            accuracy.solo
        } else {
            accuracy.team
        };
        let drawn = run_seed(request.seed.unwrap_or_default(), index, Arm::Solo, 0);
        let is_right = drawn as f64 / (1_u64 << 53) as f64 <= accuracy;
        let value = |right: &str| {
            let right: i64 = right.parse().unwrap();
            if is_right { right } else { right + 1 }
        };
        Some(match &item.expected {
            Expected::Number(right) => format!("So.\nAnswer: {}", value(right)),
            Expected::Values(right) => {
                let lines = right.iter().map(|(label, right)| format!("{label}: {}", value(right)));
                lines.collect::<Vec<_>>().join("\n")
            }
            other => panic!("{other:?}"),
        })
    }
}

fn text(request: &Request) -> String {
    let messages = request.prompt.messages();
    messages.iter().map(|message| message.text()).collect::<Vec<_>>().join("\n")
}

fn tokens(request: &Request) -> u32 {
    u32::try_from(text(request).len() / 4).unwrap()
}

impl Engine for AccurateEngine {
    fn submit(&self, request: Request) -> BoxFuture<'static, Result<Generation, Rejection>> {
        let prompt_tokens = tokens(&request);
        let usage = Usage { prompt_tokens, completion_tokens: 20, ..Usage::default() };
        let (answer, gate) = (self.answer(&request), Arc::clone(&self.gate));
        async move {
            let text = if let Some(answer) = answer {
                answer
            } else {
                gate.notified().await;
                "I do not know.".to_owned()
            };
            let (sender, received) = mpsc::unbounded_channel();
            sender.send(Event::Text { text, logprobs: Vec::new() }).unwrap();
            sender.send(Event::Finished { reason: FinishReason::Stop, usage }).unwrap();
            let queued = Duration::ZERO;
            let admitted = Admitted { request: request.id, slot: 0, queued, prompt_tokens };
            Ok(Generation::new(admitted, received, Cancel::new(|| {})))
        }
        .boxed()
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities { forms: Forms::ALL, own_system_turn: true, ..Capabilities::TEXT }
    }

    fn count_tokens(&self, request: Request) -> BoxFuture<'_, Result<Tokens, EngineError>> {
        futures::future::ready(Ok(Tokens(tokens(&request)))).boxed()
    }

    fn status(&self) -> EngineStatus {
        let agent = |name: &str| AgentUse {
            agent: name.into(),
            slots: 4,
            context: Tokens(8192),
            in_flight: 0,
            borrowed: 0,
            preempted: 0,
            queued: 0,
        };
        EngineStatus {
            id: "accurate".to_owned(),
            model: "accurate".to_owned(),
            kind: "test".to_owned(),
            identity: Identity {
                digest: Some("d1".to_owned()),
                build: Some("test/1".to_owned()),
                ..Identity::default()
            },
            capabilities: self.capabilities(),
            health: Health::Ready,
            allocation: Allocation::default(),
            sequences: 8,
            preparing: 0,
            agents: vec![agent("executive"), agent("analyst")],
        }
    }

    fn reslot(&self, _: AgentSlots) -> BoxFuture<'_, Result<(), ReslotError>> {
        futures::future::ready(Ok(())).boxed()
    }

    fn drain(&self, _: Duration) -> BoxFuture<'_, Drained> {
        futures::future::ready(Drained::default()).boxed()
    }
}
