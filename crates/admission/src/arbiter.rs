//! Arbiter between engines on one device: one cap on sequences in flight, and their priority.
//!
//! Before every step, each engine reports its demand and receives an allowance. The entitlement of
//! an engine (`due`) is reserved as soon as it has demand; other engines preempt what they borrowed
//! beyond theirs. Lower tiers also yield steps while a higher tier waits for its first token on
//! another engine.
//!
//! **Background.** Background requests claim no quota: they take what the interactive requests of all
//! engines leave, and are preempted as soon as these lack places. An engine that has only background
//! work keeps the floor.
//!
//! **Entitlement.** An engine with work is entitled to its quota, and at least to the floor: one
//! sequence. If the quotas leave less than one sequence for each engine without a quota, the floor
//! rotates among these, and an engine that has seen [`AGEING`] sequences start elsewhere is
//! entitled to it at once. The entitlements may thus exceed the cap; a free place then goes to the
//! engine with the oldest last grant, where each higher tier counts as [`HEAD_START`] grants.
//!
//! **Bound.** Let `n` be the number of engines and `max` the cap. For any quotas (scaled down if
//! they exceed the cap) and any load, a waiting engine with nothing in flight is granted a place
//! before `AGEING + 7 · HEAD_START + 2 · max + n` sequences have started elsewhere. Each of these
//! replaced a completed or preempted sequence, so a request with `p` requests before it in its
//! engine is admitted within `p + 1` times as many completions, not counting those during which a
//! sequence of its own engine runs.
//!
//! Invariant: as long as every engine keeps to its allowance, the sequences in flight never exceed
//! the cap, except for borrowers that cannot be preempted, until these end.
//!
//! Does not do: choosing requests (each engine's [`crate::Admission`] does), waiting, or locking.

use crate::priority::Priority;
use crate::quota::scaled_down;

/// Sequences started elsewhere after which a waiting engine with nothing in flight is entitled to
/// one, for any quotas.
const AGEING: u64 = 32;
/// Precedence of a tier over the next lower one, in grants.
const HEAD_START: u64 = 4;

/// Running and waiting work of an engine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Demand {
    /// Sequences in flight.
    pub in_flight: u32,
    /// Queued and preempted requests.
    pub waiting: u32,
    /// Of those in flight, background requests that can be preempted at any time.
    pub yielding: u32,
    /// Of those waiting, background requests.
    pub waiting_background: u32,
    /// Highest priority among the requests without a first token.
    pub urgent: Option<Priority>,
    /// Highest priority among the requests in flight.
    pub running: Option<Priority>,
}

impl Demand {
    fn wanted(self) -> u32 {
        self.in_flight.saturating_add(self.waiting)
    }

    /// What it wants and does not give up to an interactive request.
    fn firm(self) -> u32 {
        self.wanted() - self.yielding.saturating_add(self.waiting_background).min(self.wanted())
    }
}

/// Limits of an engine until its next report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allowance {
    /// Limit on sequences in flight. If more are running, borrowers have to be preempted.
    pub in_flight: u32,
    /// Whether a higher tier than any running here waits for its first token on another engine.
    pub yields: bool,
}

#[derive(Clone, Copy, Debug)]
struct Engine {
    /// Whether its requests run in sequences, which the cap limits.
    is_limited: bool,
    /// Sequences allowed without borrowing.
    quota: u32,
    demand: Demand,
    /// Sequences allowed in flight until the next report.
    claim: u32,
    /// [`DeviceArbiter::grants`] when it was last granted a place or last had nothing waiting.
    granted: u64,
    /// Whether its running sequences were started within its entitlement; they are kept to the end.
    settled: bool,
}

/// Arbiter of the engines on one device.
#[derive(Debug)]
pub struct DeviceArbiter {
    max_in_flight: u32,
    engines: Vec<Engine>,
    /// Number of places granted so far.
    grants: u64,
}

impl DeviceArbiter {
    /// An arbiter for engines with these quotas, scaled down if their sum exceeds `max_in_flight`.
    /// Requests of an engine without a quota, which computes embeddings, run in no sequence: they
    /// are not limited, and have a priority only.
    pub fn new(max_in_flight: u32, quotas: impl IntoIterator<Item = Option<u32>>) -> Self {
        let max_in_flight = max_in_flight.max(1);
        let quotas: Vec<Option<u32>> = quotas.into_iter().collect();
        let engine = |(quota, limited): (u32, &Option<u32>)| Engine {
            is_limited: limited.is_some(),
            quota,
            demand: Demand::default(),
            claim: 0,
            granted: 0,
            settled: false,
        };
        let shares: Vec<u32> = quotas.iter().map(|quota| quota.unwrap_or(0)).collect();
        let shares = scaled_down(&shares, max_in_flight).into_iter().zip(&quotas);
        Self { max_in_flight, engines: shares.map(engine).collect(), grants: 0 }
    }

    /// Records the demand of engine `index` and returns its allowance.
    pub fn report(&mut self, index: usize, demand: Demand) -> Allowance {
        let Some(own) = self.engines.get_mut(index) else {
            return Allowance { in_flight: 0, yields: false };
        };
        if !own.is_limited {
            let Demand { urgent, running, .. } = demand;
            own.demand = Demand { urgent, running, ..Demand::default() };
            return Allowance { in_flight: u32::MAX, yields: self.yields(index) };
        }
        // A place was granted and not used, for lack of KV cells for instance.
        let unused = own.demand == demand && own.claim > demand.in_flight;
        (own.demand, own.claim) = (demand, demand.in_flight);
        if demand.waiting == 0 {
            own.granted = self.grants;
        }
        own.settled &= demand.in_flight > 0;
        let due = self.due();
        let in_flight = self.allowed(index, &due);
        let yields = self.yields(index);
        let claim = demand.wanted().min(in_flight).max(demand.in_flight);
        let more = u64::from(claim - demand.in_flight);
        self.grants += if unused { 0 } else { more };
        let own = &mut self.engines[index];
        own.claim = claim;
        if more > 0 {
            own.granted = self.grants;
            own.settled |= demand.in_flight == 0 && due[index] > 0;
        }
        Allowance { in_flight, yields }
    }

    /// Whether a higher priority than any that runs on engine `index` waits on another.
    fn yields(&self, index: usize) -> bool {
        let running = self.engines[index].demand.running;
        running.is_some() && self.others(index).any(|other| before(other.demand.urgent, running))
    }

    /// Limit on sequences in flight of engine `index`, which has just reported.
    fn allowed(&self, index: usize, due: &[u32]) -> u32 {
        let own = &self.engines[index];
        let mine = due[index];
        let place = |at: usize| self.precedence(at);
        let (mut claimed, mut reserved, mut first) = (0u32, 0u32, 0u32);
        for (at, other) in self.engines.iter().enumerate().filter(|(at, _)| *at != index) {
            claimed = claimed.saturating_add(other.claim);
            reserved = reserved.saturating_add(other.claim.max(due[at]));
            if place(at) < place(index) {
                first = first.saturating_add(due[at].saturating_sub(other.claim));
            }
        }
        // Beyond its own entitlement: what the claims and entitlements of the others leave.
        let surplus = self.max_in_flight.saturating_sub(reserved);
        // Within its entitlement: free places to which no engine before it is entitled.
        let own_place = self.max_in_flight.saturating_sub(claimed.saturating_add(first));
        let by_quota = own_place.max(own.demand.in_flight).min(mine);
        let allowed = surplus.max(by_quota);
        // Borrowed places go to the highest waiting tier on any engine.
        let outranked = self.others(index).any(|other| {
            let short = other.demand.waiting > 0 && other.demand.in_flight >= other.claim;
            short && before(other.demand.urgent, own.demand.urgent)
        });
        let kept = own.demand.in_flight - self.displaced(index);
        if outranked { allowed.min(mine.max(kept)) } else { allowed }
    }

    /// Background sequences of engine `index` that interactive requests of other engines displace:
    /// as many as these still lack places.
    fn displaced(&self, index: usize) -> u32 {
        let own = self.engines[index].demand;
        let claimed: u32 = self.others(index).map(|other| other.claim).sum();
        let free = self.max_in_flight.saturating_sub(claimed.saturating_add(own.in_flight));
        let lacking =
            self.others(index).map(|other| other.demand.firm().saturating_sub(other.claim));
        let lacking: u32 = lacking.sum();
        own.yielding.min(own.in_flight).min(lacking.saturating_sub(free))
    }

    fn others(&self, index: usize) -> impl Iterator<Item = &Engine> {
        self.engines.iter().enumerate().filter(move |(at, _)| *at != index).map(|(_, other)| other)
    }

    /// Entitlement of each engine, at most its demand.
    fn due(&self) -> Vec<u32> {
        let mut due: Vec<u32> =
            self.engines.iter().map(|engine| engine.demand.firm().min(engine.quota)).collect();
        let left = self.max_in_flight.saturating_sub(due.iter().sum());
        // Engines that run by the floor; a holder keeps it until its request ends.
        let mut floor: Vec<usize> = (0..due.len())
            .filter(|at| due[*at] == 0 && self.engines[*at].demand.wanted() > 0)
            .collect();
        floor.sort_by_key(|at| (self.engines[*at].claim == 0, self.precedence(*at)));
        for (place, at) in floor.into_iter().enumerate() {
            let Engine { settled, granted, .. } = self.engines[at];
            let aged = self.grants - granted >= AGEING;
            due[at] = u32::from(settled || aged || place < left.max(1) as usize);
        }
        due
    }

    /// Order of engines for the next free place; lowest first.
    fn precedence(&self, at: usize) -> (u64, usize) {
        let engine = &self.engines[at];
        let levels = engine.demand.urgent.map_or(0, Priority::levels);
        (engine.granted + HEAD_START * levels, at)
    }
}

/// Whether `one` is a higher priority than `other`; any is higher than none.
fn before(one: Option<Priority>, other: Option<Priority>) -> bool {
    one.is_some_and(|one| other.is_none_or(|other| one < other))
}

#[cfg(test)]
mod tests {
    use harmonic_types::{RequestClass, Tier};
    use proptest::prelude::*;

    use super::*;

    fn demand(in_flight: u32, waiting: u32, tier: Tier) -> Demand {
        let priority = Priority::interactive(tier);
        let urgent = (waiting > 0).then_some(priority);
        let running = (in_flight > 0).then_some(priority);
        Demand { in_flight, waiting, urgent, running, ..Demand::default() }
    }

    #[test]
    fn idle_quotas_are_borrowed_and_given_back() {
        let mut device = DeviceArbiter::new(8, [4, 4].map(Some));
        let borrowing = device.report(0, demand(0, 20, Tier::Specialists));
        assert_eq!(borrowing.in_flight, 8, "no other engine has demand");
        device.report(0, demand(8, 12, Tier::Specialists));
        let full = device.report(1, demand(0, 2, Tier::Specialists));
        assert_eq!(full.in_flight, 0, "nothing is free yet");
        let back = device.report(0, demand(8, 12, Tier::Specialists));
        assert_eq!(back.in_flight, 6, "two are to be preempted");
        device.report(0, demand(6, 14, Tier::Specialists));
        assert_eq!(device.report(1, demand(0, 2, Tier::Specialists)).in_flight, 2);
    }

    #[test]
    fn a_lower_tier_yields_and_borrows_nothing_while_a_higher_one_waits() {
        let mut device = DeviceArbiter::new(4, [1, 1].map(Some));
        device.report(1, demand(4, 1, Tier::Executive));
        device.report(0, demand(0, 0, Tier::Heavy));
        let low = device.report(0, demand(1, 3, Tier::Heavy));
        assert!(low.yields);
        let high = device.report(1, demand(4, 1, Tier::Executive));
        assert!(!high.yields);
    }

    #[test]
    fn embeddings_take_no_place_and_have_a_priority_all_the_same() {
        let mut device = DeviceArbiter::new(4, [Some(4), None]);
        assert_eq!(device.report(0, demand(4, 3, Tier::Specialists)).in_flight, 4);
        let embeddings = device.report(1, demand(2, 60, Tier::Executive));
        assert_eq!((embeddings.in_flight, embeddings.yields), (u32::MAX, false));
        let generation = device.report(0, demand(4, 3, Tier::Specialists));
        assert_eq!((generation.in_flight, generation.yields), (4, true));
        device.report(1, demand(2, 0, Tier::Heavy));
        assert!(device.report(1, demand(2, 0, Tier::Heavy)).yields);
    }

    /// Demand of background requests only.
    fn background(in_flight: u32, waiting: u32) -> Demand {
        let priority = Priority { class: RequestClass::Background, tier: Tier::Executive };
        Demand {
            yielding: in_flight,
            waiting_background: waiting,
            urgent: (waiting > 0).then_some(priority),
            running: (in_flight > 0).then_some(priority),
            ..demand(in_flight, waiting, Tier::Executive)
        }
    }

    #[test]
    fn background_work_gives_its_places_to_interactive_borrowers_of_other_engines() {
        let mut device = DeviceArbiter::new(8, [4, 4].map(Some));
        assert_eq!(device.report(0, background(0, 20)).in_flight, 8, "all are idle");
        device.report(0, background(8, 12));
        // As many as it has places for, beyond its quota.
        let (mut lower, mut higher) = (8, 0);
        for _ in 0..6 {
            higher = device.report(1, demand(higher, 7 - higher, Tier::Heavy)).in_flight.min(7);
            lower = device.report(0, background(lower, 20 - lower)).in_flight.min(lower);
            assert!(lower + higher <= 8);
        }
        assert_eq!((lower, higher), (1, 7), "one is kept");
        assert!(device.report(0, background(1, 19)).yields || higher == 7);
        // Two that are over come back.
        device.report(1, demand(5, 0, Tier::Heavy));
        assert_eq!(device.report(0, background(1, 19)).in_flight, 3);
    }

    #[test]
    fn no_more_background_work_is_displaced_than_places_are_lacking() {
        let mut device = DeviceArbiter::new(8, [4, 4].map(Some));
        device.report(0, background(0, 20));
        device.report(0, background(8, 12));
        device.report(1, demand(0, 1, Tier::Heavy));
        assert_eq!(device.report(0, background(8, 12)).in_flight, 7);
        assert_eq!(device.report(0, background(7, 13)).in_flight, 7);
        assert_eq!(device.report(1, demand(0, 1, Tier::Heavy)).in_flight, 1);
    }

    /// Engines with endless work; each request takes some steps.
    struct Team {
        device: DeviceArbiter,
        max: u32,
        engines: Vec<Busy>,
        completed: u64,
        /// Whether borrowers can be preempted.
        preempts: bool,
    }

    #[derive(Clone, Default)]
    struct Busy {
        quota: u32,
        tier: u8,
        /// Steps left of each running request.
        running: Vec<u32>,
        waiting: u32,
        started: u64,
        /// Sequences started elsewhere while it waited with nothing in flight.
        missed: u64,
    }

    impl Team {
        fn new(max: u32, quotas: &[u32], preempts: bool) -> Self {
            let engine = |(quota, tier)| Busy { quota, tier, ..Busy::default() };
            let in_force = scaled_down(quotas, max);
            Self {
                device: DeviceArbiter::new(max, quotas.iter().copied().map(Some)),
                max,
                engines: in_force.into_iter().zip((0..4).cycle()).map(engine).collect(),
                completed: 0,
                preempts,
            }
        }

        /// One step of engine `at`: report, start what is allowed, compute.
        fn step(&mut self, at: usize, steps: u32) {
            let own = &mut self.engines[at];
            let in_flight = u32::try_from(own.running.len()).expect("few");
            let tier = Tier::ALL[usize::from(own.tier)];
            let allowed = self.device.report(at, demand(in_flight, own.waiting, tier)).in_flight;
            let settled = in_flight > 0 && self.device.engines[at].settled;
            assert!(!settled || allowed > 0, "a sequence that runs by the floor is not preempted");
            let kept = if self.preempts { allowed.max(own.quota) } else { u32::MAX };
            let mut started = 0;
            while own.running.len() > kept as usize {
                own.running.pop();
                own.waiting += 1;
            }
            while own.running.len() < allowed as usize && own.waiting > 0 {
                own.running.push(steps);
                own.waiting -= 1;
                started += 1;
            }
            own.started += started;
            let before = own.running.len();
            own.running.retain_mut(|left| {
                *left -= 1;
                *left > 0
            });
            self.completed += (before - own.running.len()) as u64;
            let bound =
                AGEING + 3 * HEAD_START + 2 * u64::from(self.max) + self.engines.len() as u64;
            for (other, engine) in self.engines.iter_mut().enumerate() {
                if other == at || engine.waiting == 0 || !engine.running.is_empty() {
                    engine.missed = 0;
                } else {
                    engine.missed += started;
                    assert!(engine.missed <= bound, "engine {other} has waited for {bound} others");
                }
            }
            let total: usize = self.engines.iter().map(|engine| engine.running.len()).sum();
            assert!(total <= self.max as usize, "{total} of {}", self.max);
        }
    }

    /// Regression: four engines held the four places for ever, and three never got any.
    #[test]
    fn engines_without_a_quota_take_turns() {
        let mut team = Team::new(4, &[1, 1, 1, 1, 0, 0, 0], true);
        for round in 0..400 {
            for at in 0..7 {
                team.engines[at].waiting = 50;
                team.step(at, 1 + (round + u32::try_from(at).expect("few")) % 5);
            }
        }
        let started: Vec<u64> = team.engines.iter().map(|engine| engine.started).collect();
        let fair = started.iter().sum::<u64>() / 7;
        assert!(started.iter().all(|started| started * 4 > fair), "{started:?}");
    }

    /// The floors of others take one place of an engine that has all of the quota, not most of
    /// them.
    #[test]
    fn quotas_give_way_to_the_floor_only() {
        let mut team = Team::new(8, &[8, 0, 0, 0, 0], false);
        for _ in 0..2000 {
            for at in 0..5 {
                team.engines[at].waiting = 50;
                team.step(at, 7);
            }
        }
        let started: Vec<u64> = team.engines.iter().map(|engine| engine.started).collect();
        let others: u64 = started[1..].iter().sum();
        assert!(started[1..].iter().all(|started| *started > 0), "{started:?}");
        assert!(started[0] > 3 * others, "{started:?}");
    }

    /// Regression: two engines that together held all quotas waited for each other for ever.
    #[test]
    fn quotas_beyond_the_cap_are_scaled_down() {
        let mut team = Team::new(2, &[2, 2, 7], true);
        for _ in 0..100 {
            for at in 0..3 {
                team.engines[at].waiting = 5;
                team.step(at, 2);
            }
        }
        let started: Vec<u64> = team.engines.iter().map(|engine| engine.started).collect();
        assert!(started.iter().all(|started| *started > 10), "{started:?}");
    }

    proptest! {
        /// For any quotas and load, a waiting engine is admitted in the end.
        #[test]
        fn no_engine_waits_for_more_than_so_many_others(
            quotas in prop::collection::vec(0..6u32, 1..8),
            max in 1..9u32,
            preempts in any::<bool>(),
            tiers in prop::collection::vec(0..4u8, 8),
            actions in prop::collection::vec((0..8usize, 0..9u32, 1..40u32), 1..60),
        ) {
            let mut team = Team::new(max, &quotas, preempts);
            for (engine, tier) in team.engines.iter_mut().zip(tiers) {
                engine.tier = tier;
            }
            // The same actions again and again: a load that never ends for some engines.
            for _ in 0..40 {
                for (at, arrive, steps) in &actions {
                    let at = at % quotas.len();
                    team.engines[at].waiting += arrive;
                    team.step(at, *steps);
                    // A waiting engine reports again after every report of another.
                    for waiting in 0..quotas.len() {
                        if team.engines[waiting].waiting > 0 && waiting != at {
                            team.step(waiting, *steps);
                        }
                    }
                }
            }
            // Once nothing more arrives, all requests complete.
            for _ in 0..200_000 {
                if team.engines.iter().all(|engine| engine.waiting == 0 && engine.running.is_empty()) {
                    break;
                }
                for at in 0..quotas.len() {
                    team.step(at, 1);
                }
            }
            prop_assert!(team.engines.iter().all(|engine| engine.waiting == 0));
        }

        /// Engines that keep to their allowance, with preemptible borrowers.
        #[test]
        fn the_cap_holds_and_quotas_are_reached(
            quotas in prop::collection::vec(0..5u32, 1..5),
            more in 1..6u32,
            actions in prop::collection::vec((0..5usize, 0..12u32, 0..4usize), 1..80),
        ) {
            let max = quotas.iter().sum::<u32>() + more;
            let mut device = DeviceArbiter::new(max, quotas.iter().copied().map(Some));
            let mut engines = vec![Demand::default(); quotas.len()];
            for (index, waiting, tier) in actions {
                let index = index % engines.len();
                let own = &mut engines[index];
                *own = demand(own.in_flight, waiting, Tier::ALL[tier]);
                let allowance = device.report(index, *own);
                let wanted = own.in_flight + own.waiting;
                own.in_flight = wanted.min(allowance.in_flight);
                let total: u32 = engines.iter().map(|engine| engine.in_flight).sum();
                prop_assert!(total <= max, "{total} of {max}");
            }
            // An engine gets its quota once every engine has reported after preempting its
            // borrowers, and the sequences that run by the floor have completed.
            for _ in 0..4 * AGEING {
                for (index, (own, quota)) in engines.iter_mut().zip(&quotas).enumerate() {
                    let over = u32::from(own.in_flight > *quota);
                    *own = demand(own.in_flight - over, 5, Tier::Heavy);
                    let allowance = device.report(index, *own);
                    own.in_flight = (own.in_flight + 5).min(allowance.in_flight);
                }
            }
            for (own, quota) in engines.iter().zip(quotas) {
                prop_assert!(own.in_flight >= quota.min(5));
            }
        }
    }
}
