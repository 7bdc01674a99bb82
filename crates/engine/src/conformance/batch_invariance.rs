//! A prompt alone and among others: the same text, up to the last bits of the arithmetic.

use futures::future::join_all;
use harmonic_types::TokenLogprob;

use super::{Answer, Factory, answer, ask, config};

/// Requests that run together.
const BATCH: u64 = 32;

/// Two best logits this close may change places with the shape of the batch: another shape is
/// another order of summation (up to 0.067 in BF16), and with AMX another kernel, which rounds the
/// activations differently (0.131): `docs/sources.md#order-of-summation`. A prompt that reads what
/// is another's is off by whole nats.
const NEAR_TIE: f32 = 0.25;

/// A place where a prompt's text differed, and how close the two best logits were there.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Difference {
    /// Which prompt.
    pub prompt: usize,
    /// Index of the first token that differs.
    pub token: usize,
    /// Distance of the two best logits.
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
    // Warm: the shared prefixes are computed, so that each prompt starts from the same state.
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

/// The first difference, which must be a near tie.
fn compare(prompt: usize, alone: &Answer, together: &Answer) -> Option<Difference> {
    let differs = |(a, b): (&TokenLogprob, &TokenLogprob)| a.token != b.token;
    let Some(token) = alone.logprobs.iter().zip(&together.logprobs).position(differs) else {
        assert_eq!(alone.text, together.text);
        return None;
    };
    // ln p differ as logits do: the normaliser is the same for both.
    let best = &alone.logprobs[token].top;
    let gap = best[0].1 - best[1].1;
    assert!(
        gap <= NEAR_TIE,
        "prompt {prompt} differs at token {token}, where the best logits are {gap} apart: {:?} \
         alone, {:?} in company",
        alone.text,
        together.text
    );
    Some(Difference { prompt, token, gap })
}
