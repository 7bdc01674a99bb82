//! Lazy ranking of a row's best candidates.
//!
//! A vocabulary has 50,000 to 260,000 entries, of which a chain needs about 40. One vectorised pass
//! takes the maximum of each block. The k best lie in blocks whose maximum is among the k best
//! maxima, so only these blocks are searched, and only their candidates sorted.

use std::cmp::Ordering;

use harmonic_batching::Token;

use super::row::{BLOCK, Row, token};

/// A token with its logit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Candidate {
    pub(crate) token: Token,
    pub(crate) logit: f32,
}

impl Candidate {
    /// Higher logit first, then lower token: a total order, as NaN never becomes a candidate.
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature that sorting takes")]
    pub(crate) fn better_first(&self, other: &Self) -> Ordering {
        other.logit.total_cmp(&self.logit).then(self.token.cmp(&other.token))
    }
}

/// Candidates of a row, best first, found on demand. NaN and −∞ are no candidates.
#[derive(Debug)]
pub(crate) struct Ranking<'a> {
    row: Row<'a>,
    maxima: Vec<f32>,
    /// Candidates found so far, best first.
    head: Vec<Candidate>,
    /// Whether `head` holds all candidates.
    complete: bool,
}

impl<'a> Ranking<'a> {
    /// Ranking of `row`.
    pub(crate) fn of(row: Row<'a>) -> Self {
        let mut maxima = Vec::with_capacity(row.len().div_ceil(BLOCK));
        row.for_each_block(|block| maxima.push(maximum(block)));
        Self { row, maxima, head: Vec::new(), complete: false }
    }

    /// The `k` best candidates; fewer if there are fewer.
    pub(crate) fn best(&mut self, k: usize) -> &[Candidate] {
        if self.head.len() < k && !self.complete {
            self.fill(k);
        }
        &self.head[..k.min(self.head.len())]
    }

    /// Candidate at `rank`, from 0.
    pub(crate) fn get(&mut self, rank: usize) -> Option<Candidate> {
        /// Enough for most draws without top-k; each further search is four times as large.
        const FIRST: usize = 64;
        if rank >= self.head.len() && !self.complete {
            // With as many candidates as blocks, every block may hold one: sort all of them, once.
            let next = (4 * rank).max(FIRST);
            self.fill(if next < self.maxima.len() { next } else { usize::MAX });
        }
        self.head.get(rank).copied()
    }

    /// Finds the `k` best.
    fn fill(&mut self, k: usize) {
        let least = if k < self.maxima.len() {
            let mut maxima = self.maxima.clone();
            *maxima.select_nth_unstable_by(k - 1, |a, b| b.total_cmp(a)).1
        } else {
            f32::NEG_INFINITY
        };
        let mut scratch = [0.0; BLOCK];
        self.head.clear();
        for (at, max) in self.maxima.iter().enumerate() {
            if *max < least || *max == f32::NEG_INFINITY {
                continue;
            }
            let block = self.row.block(at, &mut scratch);
            for (logit, index) in block.iter().zip(at * BLOCK..) {
                if *logit >= least && *logit > f32::NEG_INFINITY {
                    self.head.push(Candidate { token: token(index), logit: *logit });
                }
            }
        }
        self.complete = self.head.len() < k;
        if self.head.len() > k {
            self.head.select_nth_unstable_by(k - 1, Candidate::better_first);
            self.head.truncate(k);
        }
        self.head.sort_unstable_by(Candidate::better_first);
    }
}

/// Largest number in `block`; −∞ if there is none. Independent lanes become one vector; the
/// comparison (rather than `f32::max`) maps to the vector instruction, and is false for NaN.
#[inline]
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
    // Tree reduction: a chain of comparisons would take longer than the block itself.
    for half in [8, 4, 2, 1] {
        for at in 0..half {
            lanes[at] = greater(lanes[at], lanes[at + half]);
        }
    }
    rest.iter().copied().fold(lanes[0], greater)
}
