//! Conformance suite for engines, run against the simulated and the real one.
//!
//! Owns: the checks. Each starts its own engine through the given factory and panics on failure.
//!
//! Does not do: timing. Checks observe order, never duration.
#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "a failed check is reported by panicking, as in any test"
)]

mod answers;
mod batch_invariance;
mod forms;
mod lifecycle;
mod siblings;
mod tools;

use std::sync::Arc;

use harmonic_events::EventStream;
use harmonic_types::{
    AgentName, AgentSpec, Bytes, Event, FinishReason, KvLayout, Message, Prompt, Request,
    RequestId, Role, Sampling, Tier, TokenLogprob, Tokens, Usage,
};

use crate::engine::Engine;
use crate::generation::Generation;
use crate::identity::Identity;
use crate::local::{LocalConfig, ServedAgent};

pub use batch_invariance::Difference;

/// Creates an engine of the kind under test.
pub type Factory<'a> = &'a dyn Fn(LocalConfig) -> Arc<dyn Engine>;

/// Runs the whole suite. Returns the differences between a prompt alone and in a batch, for the
/// caller to print.
pub async fn run(factory: Factory<'_>) -> Vec<Difference> {
    answers::usage_counts_the_tokens_generated(factory).await;
    answers::max_tokens_ends_with_length(factory).await;
    answers::ignore_eos_goes_on_to_the_limit(factory).await;
    answers::a_stop_string_ends_the_answer(factory).await;
    answers::a_seed_repeats_the_answer(factory).await;
    answers::a_full_context_ends_with_length(factory).await;
    answers::what_cannot_run_is_refused(factory).await;
    forms::a_bias_lifts_and_bans(factory).await;
    forms::an_answer_keeps_its_form(factory).await;
    forms::a_form_that_cannot_be_kept_is_refused(factory).await;
    tools::a_required_call_is_made_and_valid(factory).await;
    tools::the_named_tool_is_called(factory).await;
    tools::results_are_part_of_the_conversation(factory).await;
    tools::a_call_that_cannot_be_had_is_refused(factory).await;
    tools::a_text_is_continued_as_it_stands(factory).await;
    lifecycle::a_finished_slot_is_refilled_while_others_run(factory).await;
    lifecycle::going_away_frees_the_slot(factory).await;
    lifecycle::a_borrower_loses_nothing(factory).await;
    lifecycle::a_shared_prefix_is_cached(factory).await;
    lifecycle::an_interactive_request_preempts_the_background(factory).await;
    siblings::a_request_may_have_its_own_system_turn(factory).await;
    lifecycle::slots_can_be_moved_but_not_multiplied(factory).await;
    lifecycle::draining_finishes_what_runs(factory).await;
    lifecycle::many_requests_end_once_each(factory).await;
    batch_invariance::a_prompt_answers_the_same_in_a_batch(factory).await
}

/// Runs the checks that an engine passes whose answers come from a server, which counts tokens only
/// as it answers, does not say which stop string it met, and cannot be made to preempt.
pub async fn run_remote(factory: Factory<'_>) {
    answers::max_tokens_ends_with_length(factory).await;
    answers::ignore_eos_goes_on_to_the_limit(factory).await;
    answers::a_seed_repeats_the_answer(factory).await;
    answers::a_full_context_ends_with_length(factory).await;
    forms::a_bias_lifts_and_bans(factory).await;
    forms::an_answer_keeps_its_form(factory).await;
    forms::a_form_that_cannot_be_kept_is_refused(factory).await;
    tools::a_required_call_is_made_and_valid(factory).await;
    tools::the_named_tool_is_called(factory).await;
    tools::results_are_part_of_the_conversation(factory).await;
    tools::a_call_that_cannot_be_had_is_refused(factory).await;
    lifecycle::a_finished_slot_is_refilled_while_others_run(factory).await;
    lifecycle::going_away_frees_the_slot(factory).await;
    lifecycle::a_shared_prefix_is_cached(factory).await;
    lifecycle::slots_can_be_moved_but_not_multiplied(factory).await;
    lifecycle::draining_finishes_what_runs(factory).await;
    lifecycle::many_requests_end_once_each(factory).await;
}

/// Runs the check of requests that begin alike: for engines on which copying a prefix is faster than
/// computing it.
pub async fn shared_prefixes(factory: Factory<'_>) {
    siblings::siblings_compute_what_they_share_once(factory).await;
}

/// Configuration with two agents, `first` (tier 1) and `second` (tier 3), and `slots` slots in
/// total.
fn config(slots: u32, context: u32) -> LocalConfig {
    let agent = |name: &str, tier, slots| ServedAgent {
        larger: None,
        spec: AgentSpec {
            name: AgentName::from(name),
            tier,
            model: "conformance".to_owned(),
            context: Tokens(context),
            min_context: None,
            role: "answers".to_owned(),
            system: format!("You are {name}. Answer every question in plain words."),
            sampling: Sampling { temperature: 0.0, ..Sampling::default() },
            thinking: false,
        },
        slots,
        context: Tokens(context),
    };
    let first = slots.div_ceil(2);
    LocalConfig {
        id: "conformance".to_owned(),
        model: "conformance".to_owned(),
        kind: "under test".to_owned(),
        identity: Identity::default(),
        agents: vec![
            agent("first", Tier::Executive, first),
            agent("second", Tier::Specialists, slots - first),
        ],
        threads: 2,
        sequences: slots,
        kv_tokens: u64::from(slots) * u64::from(context),
        max_in_flight: slots,
        quota_total: slots,
        unowned: 0,
        device: None,
        kv_layout: KvLayout::Streams,
        token_bytes: Bytes(32 << 10),
        prefix_bytes: Bytes(64 << 20),
        preempted_bytes: Bytes(64 << 20),
        queue_limit: 256,
        form_trial: None,
        events: EventStream::default(),
    }
}

fn ask(id: u64, agent: &str, question: &str, max_tokens: u32) -> Request {
    let messages = vec![Message::new(Role::User, question)];
    let mut request = Request::new(RequestId(id), AgentName::from(agent), messages);
    request.max_tokens = Some(Tokens(max_tokens));
    request
}

fn prompt(question: &str) -> Prompt {
    Prompt::chat(vec![Message::new(Role::User, question)])
}

/// A collected answer.
#[derive(Clone, Debug, Default)]
struct Answer {
    text: String,
    logprobs: Vec<TokenLogprob>,
    reason: Option<FinishReason>,
    usage: Usage,
}

async fn collect(mut generation: Generation) -> Answer {
    let mut answer = Answer::default();
    while let Some(event) = generation.next().await {
        assert!(answer.reason.is_none(), "nothing follows the end: {event:?}");
        match event {
            Event::Text { text, logprobs } => {
                answer.text += &text;
                answer.logprobs.extend(logprobs);
            }
            Event::Reasoning { text } => answer.text += &text,
            Event::Finished { reason, usage } => {
                answer.reason = Some(reason);
                answer.usage = usage;
            }
            Event::ToolCall { .. } | Event::ToolArguments { .. } => panic!("no tools were given"),
            Event::FormBroken { message } | Event::Failed { message } => {
                panic!("the engine failed: {message}")
            }
        }
    }
    assert!(answer.reason.is_some(), "every generation has an end");
    answer
}

async fn answer(engine: &Arc<dyn Engine>, request: Request) -> Answer {
    collect(engine.submit(request).await.expect("granted")).await
}
