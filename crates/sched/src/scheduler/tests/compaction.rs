//! Live ids become consecutive again.

use harmonic_types::{RequestId, Tier};

use super::fake::{Fake, config, job, share};
use crate::{CacheOp, SeqId};

fn eight() -> Fake {
    let mut fake = Fake::new(config(vec![share("a", Tier::Executive, 8, 128)], 8, 1024));
    for id in 0..8 {
        fake.offer(job(id, 0, 4, 100));
    }
    fake.step();
    fake
}

fn live(fake: &mut Fake) -> Vec<u32> {
    fake.step().batch.rows.iter().map(|row| row.seq.0).collect()
}

#[test]
fn gaps_that_last_are_closed_from_the_top() {
    let mut fake = eight();
    for id in [0, 2, 4, 6] {
        fake.scheduler.cancel(RequestId(id));
    }
    assert_eq!(live(&mut fake), [1, 3, 5, 7]);
    assert_eq!(live(&mut fake), [1, 3, 5, 7]);
    let step = fake.step();
    let moves: Vec<_> = step.cache.iter().filter(|op| matches!(op, CacheOp::Move { .. })).collect();
    let to_gap = |from: u32, to: u32| CacheOp::Move { from: SeqId(from), to: SeqId(to) };
    assert_eq!(moves, [&to_gap(7, 0), &to_gap(5, 2)]);
    assert_eq!(live(&mut fake), [0, 1, 2, 3]);
    fake.run_out();
}

#[test]
fn a_gap_that_the_next_request_fills_costs_nothing() {
    let mut fake = eight();
    fake.scheduler.cancel(RequestId(3));
    fake.step();
    fake.offer(job(9, 0, 4, 100));
    let step = fake.step();
    assert!(!step.cache.iter().any(|op| matches!(op, CacheOp::Move { .. })));
    assert_eq!(step.granted[0].seq, SeqId(3));
    fake.run_out();
}
