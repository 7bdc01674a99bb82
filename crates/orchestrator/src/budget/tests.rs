use proptest::prelude::*;

use super::*;

fn bounded(tokens: u64) -> Budget {
    Budget::new(RunBudget { tokens: Some(tokens), ..RunBudget::default() })
}

fn usage(prompt: u32, completion: u32) -> Usage {
    Usage { prompt_tokens: prompt, completion_tokens: completion, cached_tokens: 0 }
}

#[test]
fn restored_tokens_do_not_count() {
    let mut budget = bounded(100);
    budget.charge(Usage { cached_tokens: 90, ..usage(100, 10) }, None);
    assert_eq!(budget.spent().tokens(), 20);
    assert_eq!(budget.available(true), Some(80));
    // A cache holds no more than the prompt.
    budget.charge(Usage { cached_tokens: 90, ..usage(10, 0) }, None);
    assert_eq!(budget.spent().tokens(), 20);
}

#[test]
fn energy_is_null_without_a_meter_and_its_rate_bounds_what_is_left() {
    let joules = Some(Joules(10.0));
    let mut budget = Budget::new(RunBudget { joules, ..RunBudget::default() });
    assert_eq!((budget.spent().joules, budget.available(false)), (None, None));
    budget.charge(usage(50, 50), Some(5_000));
    assert_eq!(budget.available(true), Some(100));
    assert_eq!(budget.available(false), Some(80), "a tenth is the last task's");
    assert_eq!(budget.pressure(), Pressure::Low);
    budget.charge(usage(0, 0), Some(3_000));
    assert_eq!(budget.pressure(), Pressure::High);
    budget.charge(usage(0, 0), Some(1_000));
    assert_eq!(budget.pressure(), Pressure::Exhausted);
}

#[test]
fn the_smaller_bound_holds_and_no_bound_is_none() {
    let a = RunBudget { tokens: Some(5), time_ms: None, joules: Some(Joules(2.0)) };
    let b = RunBudget { tokens: Some(7), time_ms: Some(9), joules: Some(Joules(1.0)) };
    let expected = RunBudget { tokens: Some(5), time_ms: Some(9), joules: Some(Joules(1.0)) };
    assert_eq!(smaller(a, b), expected);
    assert_eq!(smaller(RunBudget::default(), RunBudget::default()), RunBudget::default());
}

proptest! {
    #[test]
    fn what_is_spent_never_exceeds_the_bound_where_calls_keep_to_their_reservations(
        bound in 1_u64..10_000,
        reserve in 0_u64..5_000,
        calls in prop::collection::vec((1_u64..3_000, 0_u32..100, any::<bool>(), any::<bool>()), 0..40),
    ) {
        let mut budget = bounded(bound);
        budget.set_last_reserve(reserve);
        let mut open = Vec::new();
        for (id, (tokens, part, is_last, settle_first)) in calls.into_iter().enumerate() {
            let call = CallId(id as u64);
            if budget.reserve(call, tokens, is_last) {
                open.push((call, tokens, part));
            }
            if settle_first && let Some((call, tokens, part)) = open.pop() {
                let used = u32::try_from(tokens).unwrap() * part / 100;
                budget.settle(call, Some(usage(used, 0)), None);
            }
            let reserved: u64 = open.iter().map(|(_, tokens, _)| tokens).sum();
            prop_assert!(budget.spent().tokens() + reserved <= bound);
        }
    }
}
