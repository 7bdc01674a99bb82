//! The ladder: all steps by which a placed team grows from its smallest plan to its full one.
//!
//! In this order:
//! 1. **Contexts**, engine by engine in the order of priority, in steps of an eighth. All agents of
//!    an engine grow together: in streams, its longest context is that of every sequence.
//! 2. **Plain attention**, where it is faster and all contexts of the engine are equal: more than
//!    slots, it decides how fast the team answers.
//! 3. **Slots**, up to half of every target, in proportion: next is the agent with the smallest part
//!    of its target, of these the one with the highest priority.
//! 4. **Slots**, up to the targets, agent by agent in the order of priority.
//!
//! Invariants: the steps do not depend on the budget, and none lowers a share. A plan is the longest
//! beginning of the ladder that fits, so with more memory no agent has less.

use crate::allocation::EngineOptions;
use crate::demand::{CONTEXT_STEPS, Demand};
use crate::team_memory::{Share, TeamMemory};

/// One step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// All agents of an engine get the contexts of this step of [`CONTEXT_STEPS`].
    Contexts { engine: usize, step: u64 },
    /// An engine computes attention plainly.
    Plain { engine: usize },
    /// An agent gets slots up to this number.
    Slots { agent: usize, slots: u32 },
}

/// Steps for the placed agents of a team, and the agents by engine.
#[derive(Debug)]
pub(crate) struct Ladder<'a> {
    demands: &'a [Demand],
    of_engine: Vec<Vec<usize>>,
    pub(crate) steps: Vec<Step>,
}

impl<'a> Ladder<'a> {
    /// The ladder of a team that has its smallest shares.
    pub(crate) fn new(
        engines: &[EngineOptions<'_>],
        demands: &'a [Demand],
        team: &TeamMemory<'_>,
    ) -> Self {
        let mut of_engine = vec![Vec::new(); engines.len()];
        let placed =
            team.shares().iter().enumerate().filter_map(|(at, share)| Some((at, (*share)?)));
        let placed: Vec<(usize, Share)> = placed.collect();
        for (agent, _) in &placed {
            of_engine[demands[*agent].engine].push(*agent);
        }
        let all_placed = placed.len() == demands.len();
        let mut ladder = Self { demands, of_engine, steps: Vec::new() };
        for engine in 0..engines.len() {
            ladder.add_contexts(engine);
        }
        for (engine, options) in engines.iter().enumerate() {
            ladder.add_plain(engine, options);
        }
        ladder.add_slots(&placed, all_placed);
        ladder
    }

    fn add_contexts(&mut self, engine: usize) {
        let agents = &self.of_engine[engine];
        for step in 1..=CONTEXT_STEPS {
            let grows = |agent: &usize| {
                let demand = &self.demands[*agent];
                demand.context_at(step) > demand.context_at(step - 1)
            };
            if agents.iter().any(grows) {
                self.steps.push(Step::Contexts { engine, step });
            }
        }
    }

    fn add_plain(&mut self, engine: usize, options: &EngineOptions<'_>) {
        let mut contexts = self.of_engine[engine].iter().map(|agent| self.demands[*agent].context);
        let Some(first) = contexts.next() else { return };
        if options.plain_preferred() && contexts.all(|context| context == first) {
            self.steps.push(Step::Plain { engine });
        }
    }

    fn add_slots(&mut self, placed: &[(usize, Share)], all_placed: bool) {
        let most = |agent: usize| self.demands[agent].cap(all_placed);
        let mut shared: Vec<(usize, u32)> = placed
            .iter()
            .flat_map(|(agent, share)| {
                let half = self.demands[*agent].half().min(most(*agent));
                (share.slots + 1..=half).map(|slots| (*agent, slots))
            })
            .collect();
        // By slots / target, as a comparison of whole numbers.
        let target = |agent: usize| u64::from(self.demands[agent].target.max(1));
        shared.sort_by(|(one, slots), (other, others)| {
            let left = u64::from(*slots) * target(*other);
            let right = u64::from(*others) * target(*one);
            left.cmp(&right).then(one.cmp(other))
        });
        let own = placed.iter().map(|(agent, _)| (*agent, most(*agent)));
        let own = own.filter(|(agent, slots)| *slots > self.demands[*agent].half());
        let all = shared.into_iter().chain(own);
        self.steps.extend(all.map(|(agent, slots)| Step::Slots { agent, slots }));
    }

    /// Takes the steps until one exceeds `limit` bytes, of which a part is taken if it is several
    /// slots; then the slots that cost nothing, because as many sequences as may be in flight are
    /// there already. `taken` sees each complete step with the total after it.
    pub(crate) fn climb(
        &self,
        team: &mut TeamMemory<'_>,
        limit: u128,
        mut taken: impl FnMut(Step, u128),
    ) {
        let mut steps = self.steps.iter();
        for step in steps.by_ref() {
            let before = self.take(team, *step);
            if team.total() > limit {
                undo(team, *step, before);
                if let Step::Slots { agent, slots } = *step {
                    add_slots(team, agent, slots, limit);
                }
                break;
            }
            taken(*step, team.total());
        }
        for step in steps.filter(|step| matches!(step, Step::Slots { .. })) {
            let total = team.total();
            let before = self.take(team, *step);
            if team.total() > total {
                undo(team, *step, before);
            }
        }
    }

    /// Takes a step; returns the shares of its agents before.
    fn take(&self, team: &mut TeamMemory<'_>, step: Step) -> Vec<(usize, Share)> {
        let share = |team: &TeamMemory<'_>, agent: usize| Some((agent, team.share(agent)?));
        match step {
            Step::Contexts { engine, step } => {
                let agents = self.of_engine[engine].iter();
                let before: Vec<_> = agents.filter_map(|agent| share(team, *agent)).collect();
                let after = before.iter().map(|(agent, share)| {
                    (*agent, Share { context: self.demands[*agent].context_at(step), ..*share })
                });
                team.set(after);
                before
            }
            Step::Plain { engine } => {
                team.set_plain(engine, true);
                Vec::new()
            }
            Step::Slots { agent, slots } => {
                let before: Vec<_> = share(team, agent).into_iter().collect();
                team.set(before.iter().map(|(agent, share)| (*agent, Share { slots, ..*share })));
                before
            }
        }
    }
}

/// Takes a step back; `before` are the shares of its agents before it.
fn undo(team: &mut TeamMemory<'_>, step: Step, before: Vec<(usize, Share)>) {
    if let Step::Plain { engine } = step {
        team.set_plain(engine, false);
    }
    team.set(before);
}

/// Gives `agent` the most slots below `too_many` that fit, by bisection: the cost is monotonic.
fn add_slots(team: &mut TeamMemory<'_>, agent: usize, mut too_many: u32, limit: u128) {
    let Some(mut share) = team.share(agent) else { return };
    while too_many - share.slots > 1 {
        let slots = share.slots + (too_many - share.slots) / 2;
        team.set([(agent, Share { slots, ..share })]);
        if team.total() > limit {
            too_many = slots;
            team.set([(agent, share)]);
        } else {
            share.slots = slots;
        }
    }
}
