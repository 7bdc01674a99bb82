//! Rows for times that overlap, and fewer of them where they are too short to be seen.
//!
//! Invariants: spans in one row do not overlap, unless there are more at once than rows; no kind of
//! time vanishes where it is the only one in its place.

use harmonic_types::TaskSpan;

/// Most rows of a task.
const MOST_ROWS: usize = 32;

/// A span with its row.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Packed {
    pub span: TaskSpan,
    pub row: usize,
}

/// Spans in rows, in order of their start. Spans of one kind that follow each other within
/// `least_ms` become one.
pub fn pack(spans: &[TaskSpan], least_ms: f64) -> Vec<Packed> {
    let mut spans: Vec<TaskSpan> =
        spans.iter().copied().filter(|span| span.from_ms <= span.to_ms).collect();
    spans.sort_by_key(|span| (span.from_ms, span.to_ms));
    let mut packed: Vec<Packed> = Vec::new();
    let mut ends: Vec<u64> = Vec::new();
    let mut last_of_row: Vec<usize> = Vec::new();
    for span in spans {
        let free = ends.iter().position(|end| *end <= span.from_ms);
        let row = match free {
            Some(row) => row,
            None if ends.len() < MOST_ROWS => {
                ends.push(0);
                last_of_row.push(usize::MAX);
                ends.len() - 1
            }
            None => MOST_ROWS - 1,
        };
        ends[row] = ends[row].max(span.to_ms);
        if let Some(last) = packed.get_mut(last_of_row[row])
            && last.span.kind == span.kind
            && last.span.slot == span.slot
            && ((span.to_ms.max(last.span.to_ms) - last.span.from_ms) as f64) < least_ms
        {
            last.span.to_ms = last.span.to_ms.max(span.to_ms);
            continue;
        }
        last_of_row[row] = packed.len();
        packed.push(Packed { span, row });
    }
    packed
}

/// Number of rows.
pub fn rows(packed: &[Packed]) -> usize {
    packed.iter().map(|packed| packed.row + 1).max().unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use harmonic_types::SpanKind;
    use proptest::prelude::*;

    use super::*;

    fn span(from_ms: u64, to_ms: u64) -> TaskSpan {
        TaskSpan { kind: SpanKind::Decode, from_ms, to_ms, slot: None }
    }

    #[test]
    fn what_follows_shares_a_row_and_what_overlaps_has_its_own() {
        let packed = pack(&[span(0, 10), span(5, 20), span(10, 30), span(20, 30)], 0.0);
        let rows: Vec<usize> = packed.iter().map(|packed| packed.row).collect();
        assert_eq!(rows, [0, 1, 0, 1]);
    }

    proptest! {
        #[test]
        fn no_two_in_a_row_overlap_and_all_time_is_covered(
            spans in proptest::collection::vec((0_u64..500, 0_u64..60), 0..30),
            least in 0.0..50.0_f64,
        ) {
            let spans: Vec<TaskSpan> =
                spans.iter().map(|(from, length)| span(*from, from + length)).collect();
            let packed = pack(&spans, least);
            for (index, one) in packed.iter().enumerate() {
                for other in packed[..index].iter().filter(|other| other.row == one.row) {
                    let (a, b) = (one.span, other.span);
                    prop_assert!(a.from_ms >= b.to_ms || b.from_ms >= a.to_ms, "{:?} {:?}", a, b);
                }
            }
            for span in &spans {
                let is_covered = packed.iter().any(|packed| {
                    packed.span.from_ms <= span.from_ms && span.to_ms <= packed.span.to_ms
                });
                prop_assert!(is_covered, "{:?}", span);
            }
        }
    }
}
