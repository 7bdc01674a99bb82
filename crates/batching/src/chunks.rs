//! Prefill chunks of equal length, which llama.cpp computes best.
//!
//! In the streams layout, a pass takes the same number of tokens from every sequence (see
//! `passes.rs` in the `llama` crate). A pass of 500 tokens costs two thirds of thirteen passes of
//! 39 (smollm2 in BF16 on 2 cores: 0.47 and 0.72 ms a token), since every pass reads all weights.
//! So prompts advance side by side by equal lengths.

/// Prompts with at most this many tokens left advance with the decoding sequences, one token a
/// step: a pass of their own would cost the others more than it saves.
const TAIL_TOKENS: usize = 4;
/// Minimum length of a chunk that gets a pass of its own.
const MIN_PASS_TOKENS: usize = 64;

/// A prompt with tokens left to compute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PrefillCandidate {
    /// Urgency, lower first; only candidates of the first one's rank advance side by side with it.
    pub(crate) rank: i128,
    /// Tokens left.
    pub(crate) tokens: usize,
}

/// Chunk lengths for `candidates`, which are ordered by urgency; `decoding` states whether any
/// sequence decodes.
///
/// The chunks sum to at most `room`; none exceeds its candidate's tokens; the first candidate with
/// tokens gets some if there is room.
pub(crate) fn equal_chunks(
    candidates: &[PrefillCandidate],
    mut room: usize,
    decoding: bool,
) -> Vec<usize> {
    let mut chunks = vec![0; candidates.len()];
    let mut rest = Vec::new();
    for (at, candidate) in
        candidates.iter().enumerate().filter(|(_, candidate)| candidate.tokens > 0)
    {
        if decoding && candidate.tokens <= TAIL_TOKENS {
            chunks[at] = room.min(1);
            room -= chunks[at];
        } else {
            rest.push(at);
        }
    }
    let (count, length) = side_by_side(&rest, candidates, room);
    for at in &rest[..count] {
        chunks[*at] = length;
        room -= length;
    }
    for at in &rest[count..] {
        let chunk = candidates[*at].tokens.min(room);
        if chunk >= MIN_PASS_TOKENS {
            chunks[*at] = chunk;
            room -= chunk;
        }
    }
    chunks
}

/// Number of `rows`, from the first on, that advance side by side, and their equal length: about as
/// many tokens in total as possible in as few rows as possible, so that the first finish first.
fn side_by_side(rows: &[usize], candidates: &[PrefillCandidate], room: usize) -> (usize, usize) {
    let mut best = (0, 0);
    let mut shortest = usize::MAX;
    let first = rows.first().map(|at| candidates[*at].rank);
    let equals = rows.iter().take_while(|at| Some(candidates[**at].rank) == first);
    for (count, at) in (1..).zip(equals) {
        shortest = shortest.min(candidates[*at].tokens);
        let length = shortest.min(room / count);
        // An eighth more tokens justify delaying the first row.
        if count * length * 8 > best.0 * best.1 * 9 {
            best = (count, length);
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn chunks(tokens: &[usize], room: usize, decoding: bool) -> Vec<usize> {
        let candidates: Vec<_> =
            tokens.iter().map(|tokens| PrefillCandidate { rank: 0, tokens: *tokens }).collect();
        equal_chunks(&candidates, room, decoding)
    }

    #[test]
    fn a_lower_rank_does_not_slow_a_higher_one() {
        let candidates =
            [(1, 40), (3, 100)].map(|(rank, tokens)| PrefillCandidate { rank, tokens });
        assert_eq!(equal_chunks(&candidates, 50, false), [40, 0]);
        assert_eq!(equal_chunks(&candidates, 512, false), [40, 100]);
    }

    #[test]
    fn short_prompts_advance_side_by_side() {
        assert_eq!(chunks(&[36, 41, 38], 512, false), [36, 36, 36]);
        let full = chunks(&[40; 20], 512, false);
        assert_eq!(full.iter().filter(|chunk| **chunk == 40).count(), 12, "{full:?}");
    }

    #[test]
    fn the_last_few_tokens_go_along_with_decoding() {
        assert_eq!(chunks(&[3, 1, 40], 512, true), [1, 1, 40]);
        assert_eq!(chunks(&[3, 3], 512, false), [3, 3]);
    }

    #[test]
    fn long_prompts_go_one_after_the_other() {
        assert_eq!(chunks(&[4000, 40, 40], 512, true), [512, 0, 0]);
        assert_eq!(chunks(&[1000, 1000], 512, false), [512, 0]);
    }

    #[test]
    fn what_is_left_goes_to_a_chunk_that_is_worth_it() {
        assert_eq!(chunks(&[300, 40, 180], 512, true), [300, 0, 180]);
        assert_eq!(chunks(&[20, 300], 512, true), [20, 20], "more in one pass");
    }

    proptest! {
        #[test]
        fn chunks_keep_to_the_room_and_one_advances(
            candidates in prop::collection::vec(0..600usize, 0..40), room in 0..600usize, decoding: bool,
        ) {
            let chunks = chunks(&candidates, room, decoding);
            prop_assert_eq!(chunks.len(), candidates.len());
            prop_assert!(chunks.iter().sum::<usize>() <= room);
            prop_assert!(chunks.iter().zip(&candidates).all(|(chunk, most)| chunk <= most));
            if room > 0 && candidates.iter().any(|candidate| *candidate > 0) {
                prop_assert!(chunks.iter().any(|chunk| *chunk > 0));
            }
        }
    }
}
