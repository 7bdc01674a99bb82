//! Batch invariance: a prompt gives the same text alone and in a batch, up to rounding.

use futures::future::join_all;
use harmonic_types::TokenLogprob;

use super::{Answer, Factory, answer, ask, config};

/// Number of requests in the batch.
const BATCH: u64 = 32;

/// Largest gap between the two best logits at which their order may depend on the batch shape: a
/// different shape means a different order of summation (up to 0.067 in BF16), and with AMX a
/// different kernel, which rounds the activations differently (0.131):
/// `docs/sources.md#order-of-summation`. A prompt that attends to another's tokens is off by whole
/// nats.
const NEAR_TIE: f32 = 0.25;

/// First difference of a prompt's text, with the gap between the two best logits.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Difference {
    /// Index of the prompt.
    pub prompt: usize,
    /// Index of the first token that differs.
    pub token: usize,
    /// Gap between the two best logits.
    pub gap: f32,
}

pub(super) async fn a_prompt_answers_the_same_in_a_batch(factory: Factory<'_>) -> Vec<Difference> {
    let engine = factory(config(u32::try_from(BATCH).unwrap_or(32), 256));
    let request = |id: u64| {
        let agent = if id.is_multiple_of(2) { "first" } else { "second" };
        let mut request = ask(id, agent, &format!("What is {id} plus {}?", id * id), 24);
        request.ignore_eos = true;
        request.top_logprobs = Some(2);
        request
    };
    // Warm up the shared prefixes, so that each prompt starts from the same state.
    join_all([0, 1].map(|id| answer(&engine, request(id)))).await;
    let together = join_all((0..BATCH).map(|id| answer(&engine, request(id)))).await;
    let mut differences = Vec::new();
    for id in [0, 1, 13, 31] {
        let alone = answer(&engine, request(id)).await;
        let prompt = usize::try_from(id).unwrap_or(0);
        differences.extend(compare(prompt, &alone, &together[prompt]));
    }
    differences
}

/// First difference, which must be a near tie.
fn compare(prompt: usize, alone: &Answer, together: &Answer) -> Option<Difference> {
    let differs = |(a, b): (&TokenLogprob, &TokenLogprob)| a.token != b.token;
    let Some(token) = alone.logprobs.iter().zip(&together.logprobs).position(differs) else {
        assert_eq!(alone.text, together.text);
        return None;
    };
    // Log-probabilities differ by as much as the logits: both have the same normaliser.
    let best = &alone.logprobs[token].top;
    let gap = best[0].1 - best[1].1;
    assert!(
        gap <= NEAR_TIE,
        "prompt {prompt} differs at token {token}, where the best logits are {gap} apart: {:?} \
         alone, {:?} in a batch",
        alone.text,
        together.text
    );
    Some(Difference { prompt, token, gap })
}
