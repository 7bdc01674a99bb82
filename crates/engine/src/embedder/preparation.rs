//! Tokenisation of inputs, and their limits.

use std::time::Duration;

use harmonic_batching::Token;
use harmonic_types::{AgentName, EmbeddingInput, EmbeddingRequest, Rejection, Tokens};

use crate::chat::{Ends, Vocabulary};
use crate::workers::{CancelFlag, Full, JobCancelled};

/// Tokens of all inputs of a request, at most: OpenAI's limit. It bounds what queued requests hold.
const MAX_REQUEST_TOKENS: usize = 300_000;

/// Retry delay while too many inputs wait to be tokenised.
const BUSY_RETRY: Duration = Duration::from_secs(1);

/// The agent of a request, as far as its inputs depend on it.
#[derive(Clone, Debug)]
pub(super) struct InputLimits {
    pub(super) agent: AgentName,
    pub(super) context: Tokens,
}

/// Tokens of the inputs of `request`, each with the model's start and end.
pub(super) fn tokenize(
    vocabulary: &dyn Vocabulary,
    limits: &InputLimits,
    request: EmbeddingRequest,
    cancelled: &CancelFlag,
) -> Result<Vec<Vec<Token>>, Rejection> {
    let truncate = request.truncate;
    let mut inputs = Vec::with_capacity(request.inputs.len());
    let mut sum = 0;
    for (index, input) in request.inputs.into_iter().enumerate() {
        // Discarded: its client is gone.
        cancelled.check().map_err(|JobCancelled| Rejection::Draining)?;
        let (start, mut tokens, end) = match input {
            EmbeddingInput::Text(text) => {
                let Ends { start, end } = vocabulary.ends();
                (start, vocabulary.tokenize(&text), end)
            }
            EmbeddingInput::Tokens(ids) => (None, known(vocabulary, limits, index, &ids)?, None),
        };
        let context = limits.context.0 as usize;
        let ends = usize::from(start.is_some()) + usize::from(end.is_some());
        let count = tokens.len() + ends;
        if count > context && !(truncate && ends < context) {
            let tokens = Tokens(u32::try_from(count).unwrap_or(u32::MAX));
            let (agent, context) = (limits.agent.clone(), limits.context);
            return Err(Rejection::InputTooLong { agent, index, tokens, context });
        }
        tokens.truncate(context - ends);
        let tokens: Vec<Token> = start.into_iter().chain(tokens).chain(end).collect();
        if tokens.is_empty() {
            let message = format!("input {index} is empty");
            return Err(Rejection::Invalid { message });
        }
        sum += tokens.len();
        if sum > MAX_REQUEST_TOKENS {
            let message = format!(
                "the inputs have more than {MAX_REQUEST_TOKENS} tokens in all: send them in \
                 several requests"
            );
            return Err(Rejection::Invalid { message });
        }
        inputs.push(tokens);
    }
    Ok(inputs)
}

/// `ids` as tokens, all of them in the vocabulary.
fn known(
    vocabulary: &dyn Vocabulary,
    limits: &InputLimits,
    index: usize,
    ids: &[u32],
) -> Result<Vec<Token>, Rejection> {
    let size = vocabulary.size();
    let token = |id: &u32| match i32::try_from(*id) {
        Ok(token) if *id < size => Ok(Token(token)),
        _ => Err(Rejection::Invalid {
            message: format!(
                "invalid token id `{id}` in input {index}: expected less than {size}, the size of \
                 the vocabulary of {}; send text where the ids are of another tokenizer",
                limits.agent
            ),
        }),
    };
    ids.iter().map(token).collect()
}

/// Rejection of a request that finds the queue of the worker threads full.
pub(super) fn busy(agent: AgentName, Full { jobs, .. }: Full) -> Rejection {
    let queued = u32::try_from(jobs).unwrap_or(u32::MAX);
    Rejection::QueueFull { agent, queued, retry_after: BUSY_RETRY }
}
