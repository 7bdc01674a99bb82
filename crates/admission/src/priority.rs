//! Priority of a request: its class, then its tier.

use harmonic_types::{RequestClass, Tier};

/// Priority of a request, without ageing; lower is more urgent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Priority {
    /// Its class. A background request that has waited long counts as interactive.
    pub class: RequestClass,
    /// The tier of its agent.
    pub tier: Tier,
}

impl Priority {
    /// Priority of an interactive request.
    pub const fn interactive(tier: Tier) -> Self {
        Self { class: RequestClass::Interactive, tier }
    }

    /// Levels below the highest: one for each tier, and the background tiers below all others.
    pub(crate) fn levels(self) -> u64 {
        let tiers = Tier::ALL.len() as u64;
        let class = if self.class == RequestClass::Background { tiers } else { 0 };
        class + u64::from(self.tier.number()) - 1
    }
}
