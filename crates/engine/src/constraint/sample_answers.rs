//! Sample answers, followed token by token before a form is accepted.
//!
//! Owns: the strategies for sample answers, and their budget. They reveal costs that grow with an
//! answer (lexer states, items of a row), which the first mask does not.
//!
//! Invariant: deterministic for a form and a vocabulary, as the budget counts work, not time.
//!
//! Does not do: proving that every answer can be completed. A form that fails on an answer unlike
//! any sample fails its own request.

use llguidance::Matcher;
use llguidance::toktrie::{SimpleVob, TokTrie};

use super::grammars::{brief, is_dead_end};

/// Budget of sample answers.
#[derive(Clone, Copy, Debug)]
pub(super) struct SampleBudget {
    /// Tokens per answer.
    pub(super) tokens: usize,
    /// Total work: nodes of the vocabulary's trie, and units of lexer fuel.
    pub(super) work: u64,
}

/// Choice of the next token among the allowed ones.
#[derive(Clone, Copy, Debug)]
enum Strategy {
    /// The previous token if allowed, else the first.
    Repeat,
    /// The token of the first of these bytes that is allowed, else the first token.
    Bytes(&'static [u8]),
    Last,
    Middle,
    /// A random token, with this seed.
    SampleResult(u64),
}

/// Strategies that close, nest, and continue with keys and items.
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

/// Follows sample answers from `start` on.
///
/// # Errors
/// Why one of them cannot continue.
pub(super) fn follow(start: &Matcher, trie: &TokTrie, budget: SampleBudget) -> Result<(), String> {
    let mut left = budget.work;
    for (at, strategy) in (0u64..).zip(STRATEGIES) {
        // The unused budget of one strategy goes to the later ones.
        let share = left / (STRATEGIES.len() as u64 - at);
        let mut work = share;
        // A deep clone, so that answers do not share lexer states.
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
            // Not an error: the model may lack a token for a byte here, and take another path.
            Err(error) if is_dead_end(&error) => return Ok(()),
            Err(error) => return Err(brief(&error)),
        };
        let (nodes, total) = spent(matcher);
        // A step without a search reports no total.
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

/// Trie nodes visited by the last step, and total lexer fuel used.
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

    /// Next token; `None` if only the end is allowed.
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
