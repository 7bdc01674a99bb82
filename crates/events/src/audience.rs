//! Whom an event of the stream concerns.

use std::sync::Arc;

/// Listeners that an event is for. It is not on the wire.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Audience {
    /// Everyone who may listen.
    #[default]
    Everyone,
    /// The holder of the API key of this name; `None` is everyone who needs no key.
    Key(Option<Arc<str>>),
}

impl Audience {
    /// Whether a listener with the key `key` belongs to it.
    pub fn includes(&self, key: Option<&str>) -> bool {
        match self {
            Self::Everyone => true,
            Self::Key(owner) => owner.as_deref() == key,
        }
    }
}
