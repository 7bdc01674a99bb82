//! Deferred tokens, sampled later than the step that computed their logits.

use harmonic_types::{FinishReason, RequestId, Tier};

use super::fake::{Fake, config, job, share};

#[test]
fn a_sequence_with_a_deferred_token_is_left_out_and_loses_nothing() {
    let agents = vec![share("a", Tier::Specialists, 3, 64)];
    let mut fake = Fake::new(config(agents, 3, 3 * 64));
    fake.deferred_of = Some(3);
    for id in 0..3 {
        assert!(fake.offer(job(id, 0, 5, 9)));
    }
    let mut left_out = 0;
    for _ in 0..100 {
        let awaiting_sampling = fake.scheduler.awaiting_sampling().len();
        let step = fake.step();
        left_out += awaiting_sampling;
        assert!(step.batch.rows.len() <= 3 - awaiting_sampling);
    }
    assert!(left_out > 0, "some tokens were deferred");
    assert!(fake.scheduler.is_idle());
    let ended: Vec<_> = (0..3).map(|id| fake.finished[&RequestId(id)]).collect();
    assert_eq!(ended, [FinishReason::Length; 3]);
}

#[test]
fn a_deferred_token_of_a_finished_request_is_ignored() {
    let agents = vec![share("a", Tier::Specialists, 1, 64)];
    let mut fake = Fake::new(config(agents, 1, 64));
    fake.deferred_of = Some(1);
    assert!(fake.offer(job(1, 0, 5, 9)));
    fake.step();
    assert_eq!(fake.scheduler.awaiting_sampling(), [RequestId(1)]);
    fake.scheduler.cancel(RequestId(1));
    assert_eq!(fake.scheduler.awaiting_sampling(), []);
    let late = harmonic_batching::Sampled {
        id: RequestId(1),
        token: harmonic_batching::Token(7),
        stop: false,
    };
    fake.scheduler.sampled_deferred(late);
    fake.step();
    assert_eq!(fake.finished[&RequestId(1)], FinishReason::Cancelled);
}
