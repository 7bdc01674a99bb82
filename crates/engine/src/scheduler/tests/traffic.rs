//! Random traffic: the invariants hold and every request ends once.

use harmonic_types::{Bytes, KvLayout, RequestClass, RequestId, Tier};
use proptest::prelude::*;

use super::fake::{Fake, TOKEN_BYTES, config, share};
use crate::scheduler::{Job, SchedulerConfig};
use harmonic_batching::Token;

#[derive(Clone, Debug)]
enum Action {
    Offer {
        class: RequestClass,
        agent: usize,
        prompt: usize,
        max_output: u32,
        prefix: bool,
    },
    /// The next turn of a conversation: a prompt that extends an earlier one.
    NextTurn {
        nth: usize,
        more: usize,
        max_output: u32,
    },
    /// A prompt that begins like an earlier one, of another agent.
    Sibling {
        class: RequestClass,
        agent: usize,
        nth: usize,
        departs: usize,
        more: usize,
        max_output: u32,
    },
    Cancel(usize),
    CancelWithinStep(usize),
    Reslot {
        agent: usize,
        slots: u32,
    },
    Step {
        stop_every: u64,
    },
}

fn class() -> impl Strategy<Value = RequestClass> {
    prop::sample::select(RequestClass::ALL.to_vec())
}

fn action() -> impl Strategy<Value = Action> {
    prop_oneof![
        4 => (class(), 0..3usize, 1..90usize, 0..40u32, any::<bool>()).prop_map(
            |(class, agent, prompt, max_output, prefix)| {
                Action::Offer { class, agent, prompt, max_output, prefix }
            }
        ),
        1 => (0..64usize, 1..30usize, 1..20u32)
            .prop_map(|(nth, more, max_output)| Action::NextTurn { nth, more, max_output }),
        3 => (class(), 0..3usize, 0..8usize, 1..90usize, 1..30usize, 0..20u32).prop_map(
            |(class, agent, nth, departs, more, max_output)| {
                Action::Sibling { class, agent, nth, departs, more, max_output }
            }
        ),
        1 => (0..64usize).prop_map(Action::Cancel),
        1 => (0..64usize).prop_map(Action::CancelWithinStep),
        1 => (0..3usize, 0..3u32).prop_map(|(agent, slots)| Action::Reslot { agent, slots }),
        6 => (1..9u64).prop_map(|stop_every| Action::Step { stop_every }),
    ]
}

fn limits() -> impl Strategy<Value = SchedulerConfig> {
    let layouts = prop_oneof![Just(KvLayout::Streams), Just(KvLayout::Unified)];
    (layouts, any::<bool>(), 2..5u32, 0..300u64, 0..300u64, 8..64u32).prop_map(
        |(kv_layout, partial_removal, max_in_flight, prefix, preempted, batch_tokens)| {
            let agents = vec![
                share("a", Tier::Executive, 2, 100),
                share("b", Tier::Directors, 2, 60),
                share("c", Tier::Heavy, 1, 40),
            ];
            let kv_tokens = if kv_layout == KvLayout::Streams { 400 } else { 260 };
            SchedulerConfig {
                kv_layout,
                partial_removal,
                max_in_flight,
                batch_tokens,
                prefix_bytes: Bytes(prefix * TOKEN_BYTES),
                preempted_bytes: Bytes(preempted * TOKEN_BYTES),
                ..config(agents, 4, kv_tokens)
            }
        },
    )
}

/// Offered prompts, for next turns.
struct Traffic {
    fake: Fake,
    prompts: Vec<(usize, Vec<Token>)>,
    next: u64,
}

impl Traffic {
    fn new(config: SchedulerConfig) -> Self {
        Self { fake: Fake::new(config), prompts: Vec::new(), next: 0 }
    }

    fn offer(
        &mut self,
        class: RequestClass,
        agent: usize,
        prompt: Vec<Token>,
        shared_prefix: u32,
        max_output: u32,
    ) {
        self.next += 1;
        let id = RequestId(self.next);
        let job = Job { id, agent, class, prompt: prompt.clone(), shared_prefix, max_output };
        if self.fake.offer(job) {
            self.prompts.push((agent, prompt));
        }
    }

    fn action(&mut self, action: &Action) {
        let own = i32::try_from(self.next % 1_000_000).expect("small") * 100 + 10_000;
        match *action {
            Action::Offer { class, agent, prompt, max_output, prefix } => {
                let shared = if prefix { prompt / 2 } else { 0 };
                let first = i32::try_from(agent).expect("small") * 1000;
                let prompt = (0..prompt)
                    .zip(0..)
                    .map(|(at, offset)| Token(if at < shared { first } else { own } + offset));
                let shared = u32::try_from(shared).expect("small");
                self.offer(class, agent, prompt.collect(), shared, max_output);
            }
            Action::NextTurn { nth, more, max_output } => {
                let Some((agent, prompt)) = self.prompts.iter().rev().nth(nth).cloned() else {
                    return;
                };
                let more = i32::try_from(more).expect("small");
                let prompt = prompt.into_iter().chain((own..own + more).map(Token)).collect();
                self.offer(RequestClass::Interactive, agent, prompt, 0, max_output);
            }
            Action::Sibling { class, agent, nth, departs, more, max_output } => {
                let Some((_, prompt)) = self.prompts.iter().rev().nth(nth).cloned() else {
                    return;
                };
                let more = i32::try_from(more).expect("small");
                let prompt = prompt.into_iter().take(departs);
                let prompt = prompt.chain((own..own + more).map(Token)).collect();
                self.offer(class, agent, prompt, 0, max_output);
            }
            Action::Cancel(nth) => {
                if let Some(id) = self.fake.scheduler.pending().get(nth) {
                    self.fake.scheduler.cancel(*id);
                }
            }
            Action::CancelWithinStep(nth) => {
                let pending = self.fake.scheduler.pending().get(nth).copied();
                self.fake.step_with(
                    |_| false,
                    |scheduler| pending.into_iter().for_each(|id| scheduler.cancel(id)),
                );
            }
            Action::Reslot { agent, slots } => self.fake.scheduler.set_slots([(agent, slots)]),
            Action::Step { stop_every } => {
                self.fake.step_with(|id| id.0.is_multiple_of(stop_every), |_| {});
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]
    #[test]
    fn invariants_hold_under_random_traffic(
        config in limits(), actions in prop::collection::vec(action(), 1..200),
    ) {
        let mut traffic = Traffic::new(config);
        for action in actions {
            traffic.action(&action);
        }
        traffic.fake.run_out();
    }
}

/// A million requests through one scheduler: no invariant broken, no slot leaked.
#[test]
fn a_million_requests() {
    let mut rng = fastrand::Rng::with_seed(7);
    let agents = vec![
        share("a", Tier::Executive, 16, 100),
        share("b", Tier::Directors, 12, 60),
        share("c", Tier::Heavy, 8, 40),
    ];
    let mut limits = config(agents, 16, 16 * 256);
    limits.queue_limit = 64;
    limits.prefix_bytes = Bytes(TOKEN_BYTES * 2000);
    limits.preempted_bytes = Bytes(TOKEN_BYTES * 400);
    let mut traffic = Traffic::new(limits);
    while traffic.fake.accepted < 1_000_000 {
        let (agent, prompt, max_output) = (rng.usize(0..3), rng.usize(1..40), rng.u32(0..6));
        let nth = rng.usize(0..64);
        traffic.action(&match rng.u32(0..20) {
            0 => Action::Cancel(nth),
            1 => Action::CancelWithinStep(nth),
            2 => Action::NextTurn { nth, more: rng.usize(1..20), max_output },
            3 => Action::Sibling {
                class: RequestClass::ALL[usize::from(rng.bool())],
                agent,
                nth: rng.usize(0..8),
                departs: rng.usize(1..90),
                more: prompt,
                max_output,
            },
            4..=9 => Action::Step { stop_every: rng.u64(1..9) },
            _ => {
                let class = RequestClass::ALL[usize::from(rng.bool())];
                Action::Offer { class, agent, prompt, max_output, prefix: rng.bool() }
            }
        });
        traffic.prompts.drain(..traffic.prompts.len().saturating_sub(64));
    }
    traffic.fake.run_out();
}
