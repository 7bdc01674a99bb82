//! Priority class of a request.

use serde::{Deserialize, Serialize};

/// Priority class of a request: whether somebody waits for its answer. The classes come first, the
/// tiers rule within each.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum RequestClass {
    /// Somebody waits for the answer.
    #[default]
    Interactive,
    /// Nobody waits: the request gives way to interactive ones.
    Background,
}

impl RequestClass {
    /// Both classes, the more urgent one first.
    pub const ALL: [Self; 2] = [Self::Interactive, Self::Background];

    /// Whether this is the default class, which documents leave out.
    pub fn is_interactive(&self) -> bool {
        *self == Self::Interactive
    }
}
