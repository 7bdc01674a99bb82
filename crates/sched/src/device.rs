//! Several engines on one device: one cap on the sequences in flight, and who goes first.
//!
//! Each engine reports what it runs and wants before every step and is told how much it may have in
//! flight. What an engine has by right is kept for it as soon as it wants it; others give back what
//! they borrowed beyond their own. Lower tiers also yield steps while a higher tier waits for its
//! first token on another engine.
//!
//! Invariant: as long as every engine keeps to its allowance, never more than the cap is in flight,
//! except for borrowers that cannot be parked; those end by themselves.
//!
//! Does not do: choose requests (each engine's [`crate::Scheduler`] does), wait, or lock.

use harmonic_types::Tier;

/// What an engine runs and wants.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Demand {
    /// Sequences in flight.
    pub in_flight: u32,
    /// Requests that wait or are parked.
    pub waiting: u32,
    /// The highest tier of those that wait or have no token yet.
    pub urgent: Option<Tier>,
    /// The highest tier of those in flight.
    pub running: Option<Tier>,
}

/// What an engine may do until it reports again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allowance {
    /// Most sequences in flight. May be fewer than run: borrowers are to be parked then.
    pub in_flight: u32,
    /// A higher tier than any that runs here waits for its first token elsewhere.
    pub yields: bool,
}

#[derive(Clone, Copy, Debug)]
struct Engine {
    /// Sequences it may have by right.
    guaranteed: u32,
    demand: Demand,
    /// Sequences it may have in flight until it reports again.
    claim: u32,
}

/// The engines on one device.
#[derive(Debug)]
pub struct Device {
    max_in_flight: u32,
    engines: Vec<Engine>,
}

impl Device {
    /// A device for engines with these guarantees, which are meant to sum to at most
    /// `max_in_flight`.
    pub fn new(max_in_flight: u32, guaranteed: impl IntoIterator<Item = u32>) -> Self {
        let engine = |guaranteed| Engine { guaranteed, demand: Demand::default(), claim: 0 };
        Self { max_in_flight, engines: guaranteed.into_iter().map(engine).collect() }
    }

    /// Takes the report of engine `index`.
    pub fn report(&mut self, index: usize, demand: Demand) -> Allowance {
        let others = || self.engines.iter().enumerate().filter(|(at, _)| *at != index);
        // What others have, and what they want of what is theirs.
        let kept: u32 = others()
            .map(|(_, other)| {
                let wanted = other.demand.in_flight + other.demand.waiting;
                other.claim.max(wanted.min(other.guaranteed))
            })
            .sum();
        let free = self.max_in_flight.saturating_sub(kept);
        let Some(own) = self.engines.get(index) else {
            return Allowance { in_flight: 0, yields: false };
        };
        // Loans go to the highest tier that waits anywhere.
        let outranked = others().any(|(_, other)| {
            let short = other.demand.waiting > 0 && other.demand.in_flight >= other.claim;
            short && before(other.demand.urgent, demand.urgent)
        });
        let by_right = own.guaranteed.max(demand.in_flight);
        let in_flight = if outranked { free.min(by_right) } else { free };
        let yields = demand.running.is_some()
            && others().any(|(_, other)| before(other.demand.urgent, demand.running));
        let claim = (demand.in_flight + demand.waiting).min(in_flight).max(demand.in_flight);
        if let Some(own) = self.engines.get_mut(index) {
            (own.demand, own.claim) = (demand, claim);
        }
        Allowance { in_flight, yields }
    }
}

/// Whether `one` is a higher tier than `other`; whoever has any goes before who has none.
fn before(one: Option<Tier>, other: Option<Tier>) -> bool {
    one.is_some_and(|one| other.is_none_or(|other| one < other))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn demand(in_flight: u32, waiting: u32, tier: Tier) -> Demand {
        let urgent = (waiting > 0).then_some(tier);
        let running = (in_flight > 0).then_some(tier);
        Demand { in_flight, waiting, urgent, running }
    }

    #[test]
    fn idle_rights_are_lent_and_given_back() {
        let mut device = Device::new(8, [4, 4]);
        let lent = device.report(0, demand(0, 20, Tier::Specialists));
        assert_eq!(lent.in_flight, 8, "nobody else wants any");
        device.report(0, demand(8, 12, Tier::Specialists));
        let full = device.report(1, demand(0, 2, Tier::Specialists));
        assert_eq!(full.in_flight, 0, "nothing is free yet");
        let back = device.report(0, demand(8, 12, Tier::Specialists));
        assert_eq!(back.in_flight, 6, "two are to be parked");
        device.report(0, demand(6, 14, Tier::Specialists));
        assert_eq!(device.report(1, demand(0, 2, Tier::Specialists)).in_flight, 2);
    }

    #[test]
    fn a_lower_tier_yields_and_gets_no_loan_while_a_higher_one_waits() {
        let mut device = Device::new(4, [1, 1]);
        device.report(1, demand(4, 1, Tier::Executive));
        device.report(0, demand(0, 0, Tier::Heavy));
        let low = device.report(0, demand(1, 3, Tier::Heavy));
        assert!(low.yields);
        let high = device.report(1, demand(4, 1, Tier::Executive));
        assert!(!high.yields);
    }

    proptest! {
        /// Engines that keep to their allowance, with borrowers that can always be parked.
        #[test]
        fn the_cap_holds_and_rights_are_reached(
            guaranteed in prop::collection::vec(0..5u32, 1..5),
            more in 1..6u32,
            acts in prop::collection::vec((0..5usize, 0..12u32, 0..4usize), 1..80),
        ) {
            let max = guaranteed.iter().sum::<u32>() + more;
            let mut device = Device::new(max, guaranteed.clone());
            let mut engines = vec![Demand::default(); guaranteed.len()];
            for (index, waiting, tier) in acts {
                let index = index % engines.len();
                let own = &mut engines[index];
                *own = demand(own.in_flight, waiting, Tier::ALL[tier]);
                let allowance = device.report(index, *own);
                let wanted = own.in_flight + own.waiting;
                own.in_flight = wanted.min(allowance.in_flight);
                let total: u32 = engines.iter().map(|engine| engine.in_flight).sum();
                prop_assert!(total <= max, "{total} of {max}");
            }
            // Whoever wants its right has it once everyone has reported what it gave back.
            for _ in 0..4 {
                for (index, own) in engines.iter_mut().enumerate() {
                    *own = demand(own.in_flight, 5, Tier::Heavy);
                    let allowance = device.report(index, *own);
                    own.in_flight = (own.in_flight + 5).min(allowance.in_flight);
                }
            }
            for (own, guaranteed) in engines.iter().zip(guaranteed) {
                prop_assert!(own.in_flight >= guaranteed.min(5));
            }
        }
    }
}
