//! Slots and contexts under a budget.
//!
//! **Objective**, lexicographic, each from tier 1 down and in the order of the stack within a tier:
//! 1. an agent is placed, with the floor of its slots at the smallest context ([`MIN_CONTEXT`]);
//! 2. its context, up to what it asks;
//! 3. its slots, up to its target.
//!
//! So what gives way first are slots, from the last agent up, then contexts, then places.
//!
//! Each agent takes the best that still fits, in that order. Since no engine ever costs less with
//! more slots or context, every choice that fits the budget stays open to the smaller ones after
//! it, and the result is the best by the objective, not an approximation of it.
//!
//! What is left of the budget then goes to what makes the engines quicker (`surplus.rs`).
//!
//! Does not do: name engines or explain; see [`crate::plan()`].

use harmonic_types::Bytes;

use crate::footprint::{Footprint, Pricing, SlotsByContext};
use crate::{attention, surplus};

/// Smallest context that an agent is placed with, in tokens, unless it asks for less: room for a
/// system prompt, a question and a short answer.
pub const MIN_CONTEXT: u64 = 512;

/// What one agent wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Demand {
    /// Engine that would serve it, an index into the pricings.
    pub engine: usize,
    /// Slots it should have.
    pub target: u32,
    /// Fewest slots it is placed with; at most `target`.
    pub floor: u32,
    /// Contexts it can have, in cells, the one it asks for first, then smaller ones; never empty.
    pub contexts: Vec<u64>,
    /// Budget for the snapshot of its system prompt, paid once when it is placed.
    pub prefix: Bytes,
}

/// What one agent got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Share {
    /// A place.
    Placed {
        /// Guaranteed slots.
        slots: u32,
        /// Context in cells.
        context: u64,
    },
    /// No place: it would have cost `needed` more when `left` was left.
    Skipped {
        /// Bytes more at the floor and the smallest context.
        needed: Bytes,
        /// Bytes of the budget that were left.
        left: Bytes,
    },
}

/// What all agents got, in the order of the demands, and what each engine holds.
#[derive(Clone, Debug)]
pub struct Allocation {
    /// One per wish.
    pub shares: Vec<Share>,
    /// One per pricing; `None` for an engine that serves nobody.
    pub engines: Vec<Option<Footprint>>,
}

/// Divides `budget` among `demands`, which are in order of priority.
pub fn allocate(pricings: &[Pricing<'_>], demands: &[Demand], budget: Bytes) -> Allocation {
    let mut allocator = BudgetAllocator::new(pricings, budget);
    let mut shares: Vec<Share> = demands.iter().map(|wish| allocator.place(wish)).collect();
    for (wish, share) in demands.iter().zip(&mut shares) {
        allocator.widen(wish, share);
    }
    for (wish, share) in demands.iter().zip(&mut shares) {
        allocator.add_slots(wish, share);
    }
    let left = Bytes(allocator.budget.saturating_sub(allocator.spent));
    let mut engines: Vec<Option<Footprint>> = allocator
        .engines
        .iter()
        .map(|engine| (!engine.slots.is_empty()).then(|| engine.footprint()))
        .collect();
    let mut agents = vec![0; engines.len()];
    for (wish, share) in demands.iter().zip(&shares) {
        agents[wish.engine] += usize::from(matches!(share, Share::Placed { .. }));
    }
    let used = engines
        .iter_mut()
        .zip(pricings)
        .filter_map(|(engine, price)| Some((engine.as_mut()?, price)));
    let left = attention::choose(used, left);
    // The paper's rule counts neither parked sequences nor prefixes.
    let exact = engines.iter_mut().zip(agents).zip(pricings).filter(|(_, price)| price.is_exact());
    surplus::spend(
        exact.filter_map(|((engine, agents), _)| Some((engine.as_mut()?, agents))),
        left,
    );
    Allocation { shares, engines }
}

/// The budget and what is spent of it.
struct BudgetAllocator<'a> {
    engines: Vec<EngineState<'a>>,
    spent: u64,
    budget: u64,
}

struct EngineState<'a> {
    pricing: &'a Pricing<'a>,
    slots: SlotsByContext,
    /// Of the agents that are placed.
    prefix: Bytes,
    cost: u64,
}

impl EngineState<'_> {
    fn footprint(&self) -> Footprint {
        Footprint { prefix: self.prefix, ..self.pricing.engine(&self.slots) }
    }
}

impl<'a> BudgetAllocator<'a> {
    fn new(pricings: &'a [Pricing<'a>], budget: Bytes) -> Self {
        let engines = pricings
            .iter()
            .map(|pricing| EngineState {
                pricing,
                slots: SlotsByContext::new(),
                prefix: Bytes::ZERO,
                cost: 0,
            })
            .collect();
        Self { engines, spent: 0, budget: budget.0 }
    }

    fn place(&mut self, wish: &Demand) -> Share {
        let context = wish.contexts.last().copied().unwrap_or(MIN_CONTEXT);
        let before = self.engines[wish.engine].prefix;
        self.engines[wish.engine].prefix = Bytes(before.0.saturating_add(wish.prefix.0));
        match self.exchange(wish.engine, None, (context, wish.floor)) {
            Ok(()) => Share::Placed { slots: wish.floor, context },
            Err(needed) => {
                self.engines[wish.engine].prefix = before;
                Share::Skipped {
                    needed: Bytes(needed),
                    left: Bytes(self.budget.saturating_sub(self.spent)),
                }
            }
        }
    }

    /// Gives the largest context that fits.
    fn widen(&mut self, wish: &Demand, share: &mut Share) {
        let Share::Placed { slots, context } = share else { return };
        for &wider in wish.contexts.iter().filter(|wider| **wider > *context) {
            if self.exchange(wish.engine, Some((*context, *slots)), (wider, *slots)).is_ok() {
                *context = wider;
                return;
            }
        }
    }

    /// Gives the most slots that fit, found by halving since the cost only rises.
    fn add_slots(&mut self, wish: &Demand, share: &mut Share) {
        let Share::Placed { slots, context } = share else { return };
        let mut too_many = wish.target.saturating_add(1);
        let mut tried = wish.target;
        while too_many.saturating_sub(*slots) > 1 {
            if self.exchange(wish.engine, Some((*context, *slots)), (*context, tried)).is_ok() {
                *slots = tried;
            } else {
                too_many = tried;
            }
            tried = *slots + (too_many - *slots) / 2;
        }
    }

    /// Replaces `old` (context, slots) of an engine by `new` if the budget allows; else the bytes
    /// that it would have cost more.
    fn exchange(
        &mut self,
        engine: usize,
        old: Option<(u64, u32)>,
        new: (u64, u32),
    ) -> Result<(), u64> {
        let state = &mut self.engines[engine];
        if let Some(old) = old {
            take(&mut state.slots, old);
        }
        *state.slots.entry(new.0).or_default() += u64::from(new.1);
        let cost = state.footprint().total().0;
        let others = self.spent - state.cost;
        if let Some(spent) = others.checked_add(cost).filter(|spent| *spent <= self.budget) {
            state.cost = cost;
            self.spent = spent;
            return Ok(());
        }
        take(&mut state.slots, new);
        if let Some((context, slots)) = old {
            *state.slots.entry(context).or_default() += u64::from(slots);
        }
        Err(cost.saturating_sub(state.cost))
    }
}

/// Takes slots out again that were put in before.
fn take(slots: &mut SlotsByContext, (context, count): (u64, u32)) {
    if let Some(left) = slots.get_mut(&context) {
        *left = left.saturating_sub(count.into());
        if *left == 0 {
            slots.remove(&context);
        }
    }
}
