//! Division of a batch's rows among calls of `llama_decode`.
//!
//! In the streams layout, llama.cpp computes a batch in passes: each takes the same number of
//! tokens from every remaining sequence, as many as the shortest has, from consecutive sequence ids
//! only (`llama_batch_allocr::split_equal`, build 11434). Prompts of 36, 38 and 41 tokens become
//! passes of 3 × 36, 2 × 2 and 1 × 3 tokens, and a pass of few tokens costs nearly as much as one
//! of thirty, since it reads all weights. So each long row gets its own call, and the short rows
//! (mostly decoding) share one.
//!
//! A unified cache computes any batch in one pass.

use harmonic_engine::Batch;
use harmonic_types::KvLayout;

/// Rows with fewer tokens are short: reading the weights costs more than computing them.
const SHORT: usize = 16;

/// Length up to which sequences cost about the same: llama.cpp rounds up to 256 cells.
const SAME_COST: u32 = 512;

/// Consecutive tokens of one row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Chunk {
    /// Index of the row.
    pub(crate) row: usize,
    /// Index of the first token in the row.
    pub(crate) from: usize,
    /// Index after the last token.
    pub(crate) to: usize,
}

/// Calls for `batch`, each with its chunks in order of sequence id. Each token is in exactly one
/// chunk, and the chunks of a row are in order.
pub(crate) fn calls(batch: &Batch, layout: KvLayout) -> Vec<Vec<Chunk>> {
    let whole = |row: usize| Chunk { row, from: 0, to: batch.rows[row].len };
    let all = 0..batch.rows.len();
    if layout == KvLayout::Unified {
        return vec![all.map(whole).collect()];
    }
    let (short, long): (Vec<usize>, Vec<usize>) =
        all.clone().partition(|row| batch.rows[*row].len < SHORT);
    let mut calls: Vec<Vec<Chunk>> = Vec::new();
    let bridges = |row: usize| bridges(batch, &short, row);
    if !short.is_empty() {
        let part = |row: usize| {
            if short.contains(&row) {
                Some(whole(row))
            } else {
                bridges(row).then(|| Chunk { to: 1, ..whole(row) })
            }
        };
        calls.push(all.filter_map(part).collect());
    }
    for row in long {
        let chunk = Chunk { from: usize::from(bridges(row)), ..whole(row) };
        match calls.last_mut() {
            // Equal length and adjacent ids: one pass.
            Some(call) if follows(batch, call, chunk) => call.push(chunk),
            _ => calls.push(vec![chunk]),
        }
    }
    calls
}

/// Whether the first token of the long `row` joins the call of the `short` rows, to fill the gap in
/// their ids, which would cost another pass. Not if its sequence is far longer, as all rows of a
/// pass take the time of the longest sequence.
fn bridges(batch: &Batch, short: &[usize], row: usize) -> bool {
    let (Some(first), Some(last)) = (short.first(), short.last()) else { return false };
    let longest = short.iter().map(|short| batch.rows[*short].position).max().unwrap_or(0);
    (*first..*last).contains(&row) && batch.rows[row].position <= longest.max(SAME_COST)
}

/// Whether `chunk` can join a call of long rows.
fn follows(batch: &Batch, call: &[Chunk], chunk: Chunk) -> bool {
    call.last().is_some_and(|last| {
        let (before, row) = (&batch.rows[last.row], &batch.rows[chunk.row]);
        let same = before.len == row.len && last.from == chunk.from && last.to == chunk.to;
        same && before.seq.0 + 1 == row.seq.0
    })
}

#[cfg(test)]
mod tests {
    use harmonic_engine::{Row, SeqId, Token};
    use harmonic_types::RequestId;
    use proptest::prelude::*;

    use super::*;

    /// A batch of rows (sequence, tokens).
    fn batch(rows: &[(u32, usize)]) -> Batch {
        let mut batch = Batch::default();
        for (seq, len) in rows {
            let (request, start) = (RequestId(u64::from(*seq)), batch.tokens.len());
            batch.tokens.extend((0..*len).map(|_| Token(1)));
            let seq = SeqId(*seq);
            batch.rows.push(Row { request, seq, position: 0, start, len: *len, sample: true });
        }
        batch
    }

    /// Calls as (row, from, to).
    fn of(rows: &[(u32, usize)], layout: KvLayout) -> Vec<Vec<(usize, usize, usize)>> {
        let calls = calls(&batch(rows), layout);
        calls.iter().map(|call| call.iter().map(|p| (p.row, p.from, p.to)).collect()).collect()
    }

    #[test]
    fn decoding_is_one_call() {
        assert_eq!(of(&[(0, 1), (1, 1)], KvLayout::Streams), [[(0, 0, 1), (1, 0, 1)]]);
    }

    #[test]
    fn prompts_of_one_length_side_by_side_share_a_call() {
        let rows = [(0, 40), (1, 40), (2, 41), (4, 41)];
        let expected = [vec![(0, 0, 40), (1, 0, 40)], vec![(2, 0, 41)], vec![(3, 0, 41)]];
        assert_eq!(of(&rows, KvLayout::Streams), expected);
    }

    #[test]
    fn a_prompt_between_streams_leaves_no_gap() {
        let expected = [vec![(0, 0, 1), (1, 0, 1), (2, 0, 1)], vec![(1, 1, 90)]];
        assert_eq!(of(&[(0, 1), (1, 90), (2, 1)], KvLayout::Streams), expected);
    }

    #[test]
    fn a_prompt_beside_the_streams_or_far_longer_gets_its_own_call() {
        let expected = [vec![(0, 0, 1), (1, 0, 1)], vec![(2, 0, 90)]];
        assert_eq!(of(&[(0, 1), (1, 1), (2, 90)], KvLayout::Streams), expected);
        let mut long = batch(&[(0, 1), (1, 90), (2, 1)]);
        long.rows[1].position = 3000;
        let lens = calls(&long, KvLayout::Streams).iter().map(Vec::len).collect::<Vec<_>>();
        assert_eq!(lens, [2, 1]);
    }

    #[test]
    fn a_unified_cache_computes_all_in_one_call() {
        assert_eq!(of(&[(0, 1), (5, 90)], KvLayout::Unified), [[(0, 0, 1), (1, 0, 90)]]);
    }

    proptest! {
        #[test]
        fn every_token_is_computed_once_and_in_order(
            lens in prop::collection::vec(prop_oneof![Just(1usize), 1..60usize, Just(40usize)], 1..20),
            gap in any::<bool>(),
        ) {
            let rows: Vec<_> = (0..).step_by(1 + usize::from(gap)).zip(lens.clone()).collect();
            let mut next = vec![0; rows.len()];
            for call in calls(&batch(&rows), KvLayout::Streams) {
                prop_assert!(call.is_sorted_by_key(|chunk| chunk.row));
                for chunk in call {
                    prop_assert_eq!(chunk.from, next[chunk.row]);
                    prop_assert!(chunk.to > chunk.from);
                    next[chunk.row] = chunk.to;
                }
            }
            prop_assert_eq!(next, lens);
        }
    }
}
