//! Thinking of a model before its answer.

/// Whether a model thinks, and with what effort.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Thinking {
    /// No thinking, if the model can be told so.
    Off,
    /// Thinking, with the given effort or the model's default.
    On(Option<Effort>),
}

/// Effort of thinking, for models with such a setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effort {
    /// Low effort.
    Low,
    /// Medium effort.
    Medium,
    /// High effort.
    High,
}

impl Effort {
    /// The name in client APIs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
        }
    }
}

impl From<bool> for Thinking {
    fn from(thinks: bool) -> Self {
        if thinks { Self::On(None) } else { Self::Off }
    }
}
