//! Sample answers, taken token by token before a form is accepted.
//!
//! Owns: the ways in which sample answers are chosen, and how far they are followed. What grows with
//! an answer (states of the lexer, items of a row) shows in them, which the first mask does not tell.
//!
//! Invariants: the same form over the same vocabulary is followed along the same answers, and as far:
//! what bounds them is counted work, not time.
//!
//! Does not do: proving that every answer can be finished. A form that fails on an answer which no
//! sample was like fails its own request.

use llguidance::Matcher;
use llguidance::toktrie::{SimpleVob, TokTrie};

use super::grammars::{brief, is_dead_end};

/// How far sample answers are followed.
#[derive(Clone, Copy, Debug)]
pub(super) struct SampleBudget {
    /// Tokens of each answer.
    pub(super) tokens: usize,
    /// Work of all of them: nodes of the vocabulary's tree, and units of the lexer's fuel.
    pub(super) work: u64,
}

/// How the next token of a sample answer is chosen among those that may come.
#[derive(Clone, Copy, Debug)]
enum Strategy {
    /// The one before once more, else the first.
    Repeat,
    /// By the byte that it is, the first of these that may come; else the first token.
    Bytes(&'static [u8]),
    Last,
    Middle,
    /// Any, drawn with this seed.
    SampleResult(u64),
}

/// Closing what is open, opening more, and going on with keys and items.
const STRATEGIES: [Strategy; 9] = [
    Strategy::Bytes(b"{[\"a0"),
    Strategy::Repeat,
    Strategy::Bytes(b"\",:[{}]0"),
    Strategy::SampleResult(1),
    Strategy::Bytes(b"}]\",:0"),
    Strategy::Last,
    Strategy::Bytes(b"{,\"[:a0"),
    Strategy::Middle,
    Strategy::SampleResult(2),
];

/// Follows sample answers from where `start` is.
///
/// # Errors
/// Why one of them cannot go on.
pub(super) fn follow(start: &Matcher, trie: &TokTrie, budget: SampleBudget) -> Result<(), String> {
    let mut left = budget.work;
    for (at, strategy) in (0u64..).zip(STRATEGIES) {
        // What one strategy leaves is for those after it.
        let share = left / (STRATEGIES.len() as u64 - at);
        let mut work = share;
        // What an answer adds to the lexer is its own.
        let mut matcher = start.deep_clone();
        one(&mut matcher, trie, strategy, budget.tokens, &mut work)?;
        left = left - share + work;
    }
    Ok(())
}

fn one(
    matcher: &mut Matcher,
    trie: &TokTrie,
    strategy: Strategy,
    tokens: usize,
    work: &mut u64,
) -> Result<(), String> {
    let mut chooser = Chooser::new(strategy);
    let mut fuel = spent(matcher).1;
    for _ in 0..tokens {
        let allowed = match matcher.compute_mask_or_eos() {
            Ok(allowed) => allowed,
            // The model may lack a token for a byte that the answer needs here, and go another strategy.
            Err(error) if is_dead_end(&error) => return Ok(()),
            Err(error) => return Err(brief(&error)),
        };
        let (nodes, total) = spent(matcher);
        // A step without a search says nothing of the total.
        let step = nodes.saturating_add(total.saturating_sub(fuel)).max(1);
        fuel = fuel.max(total);
        let Some(rest) = work.checked_sub(step) else {
            *work = 0;
            return Ok(());
        };
        *work = rest;
        let Some(token) = chooser.choose(&allowed, trie) else { return Ok(()) };
        matcher.consume_token(token).map_err(|error| brief(&error))?;
    }
    Ok(())
}

/// Nodes that the last step has visited, and the lexer's fuel so far.
fn spent(matcher: &Matcher) -> (u64, u64) {
    matcher
        .last_step_stats()
        .map_or((0, 0), |stats| (stats.trie_nodes_walked as u64, stats.lexer_cost))
}

struct Chooser {
    strategy: Strategy,
    before: Option<u32>,
    rng: fastrand::Rng,
}

impl Chooser {
    fn new(strategy: Strategy) -> Self {
        let seed = if let Strategy::SampleResult(seed) = strategy { seed } else { 0 };
        Self { strategy, before: None, rng: fastrand::Rng::with_seed(seed) }
    }

    /// The next token; `None` where nothing but the end may come.
    fn choose(&mut self, allowed: &SimpleVob, trie: &TokTrie) -> Option<u32> {
        let mut may = allowed.to_list();
        may.retain(|token| !trie.eos_tokens().contains(token));
        let first = *may.first()?;
        let token = match self.strategy {
            Strategy::Repeat => self.before.filter(|before| may.contains(before)).unwrap_or(first),
            Strategy::Bytes(bytes) => {
                let mut tokens = bytes.iter().filter_map(|byte| trie.token_id(&[*byte]));
                tokens.find(|token| allowed.is_allowed(*token)).unwrap_or(first)
            }
            Strategy::Last => *may.last()?,
            Strategy::Middle => may[may.len() / 2],
            Strategy::SampleResult(_) => may[self.rng.usize(..may.len())],
        };
        self.before = Some(token);
        Some(token)
    }
}
