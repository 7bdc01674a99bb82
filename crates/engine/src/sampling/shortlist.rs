//! The best few of many logits, in one pass.
//!
//! A vocabulary has 50,000 to 260,000 entries and a chain needs some 40 of them. Blocks whose
//! maximum does not beat the worst of the list so far are passed over, so most of the work is the
//! maximum of a block, which [`maximum`] writes in the form that the compiler vectorises.

use std::cmp::Ordering;

use harmonic_sched::Token;

/// Logits looked at together: large enough that the branch is rare, small enough to skip often.
const BLOCK: usize = 64;

/// A token with its logit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Candidate {
    pub(crate) token: Token,
    pub(crate) logit: f32,
}

impl Candidate {
    /// The candidate that `token` is; `None` outside the vocabulary or if its logit is NaN.
    pub(crate) fn of(logits: &[f32], token: Token) -> Option<Self> {
        let logit = *logits.get(usize::try_from(token.0).ok()?)?;
        (!logit.is_nan()).then_some(Self { token, logit })
    }

    /// Higher logit first, then lower token: a total order, as NaN never becomes a candidate.
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "the form that sorting takes")]
    pub(crate) fn better_first(&self, other: &Self) -> Ordering {
        other.logit.total_cmp(&self.logit).then(self.token.cmp(&other.token))
    }
}

/// The `k` best candidates, best first; fewer if there are fewer numbers among `logits`.
pub(crate) fn best(logits: &[f32], k: usize) -> Vec<Candidate> {
    if k == 0 {
        return Vec::new();
    }
    // Trimmed to k whenever it has grown to twice that: each trim is linear, so all are.
    let limit = k.saturating_mul(2).min(logits.len()).max(1);
    let mut list: Vec<Candidate> = Vec::with_capacity(limit);
    let mut worst = f32::NEG_INFINITY;
    let mut trimmed = false;
    for (block, start) in logits.chunks(BLOCK).zip((0i32..).step_by(BLOCK)) {
        if trimmed && maximum(block) <= worst {
            continue;
        }
        for (logit, token) in block.iter().copied().zip(start..) {
            // An equal logit never displaces one of the list: its token is higher.
            if logit.is_nan() || (trimmed && logit <= worst) {
                continue;
            }
            list.push(Candidate { token: Token(token), logit });
            if list.len() >= limit && list.len() > k {
                worst = trim(&mut list, k);
                trimmed = true;
            }
        }
    }
    if list.len() > k {
        trim(&mut list, k);
    }
    list.sort_unstable_by(Candidate::better_first);
    list
}

/// The largest number in `block`. Lanes that do not depend on each other become one vector; the
/// comparison (rather than `f32::max`) is the vector unit's own, and false for NaN.
fn maximum(block: &[f32]) -> f32 {
    const LANES: usize = 16;
    let greater = |a: f32, b: f32| if b > a { b } else { a };
    let mut lanes = [f32::NEG_INFINITY; LANES];
    let (chunks, rest) = block.as_chunks::<LANES>();
    for chunk in chunks {
        for (lane, logit) in lanes.iter_mut().zip(chunk) {
            *lane = greater(*lane, *logit);
        }
    }
    lanes.iter().chain(rest).copied().fold(f32::NEG_INFINITY, greater)
}

/// Keeps the `k` best; returns the worst of them.
fn trim(list: &mut Vec<Candidate>, k: usize) -> f32 {
    let (_, kth, _) = list.select_nth_unstable_by(k - 1, Candidate::better_first);
    let worst = kth.logit;
    list.truncate(k);
    worst
}
