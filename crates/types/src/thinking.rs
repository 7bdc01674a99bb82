//! Whether a model is to think before it answers.

/// Whether to think, and how hard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Thinking {
    /// Not to, as far as the model can.
    Off,
    /// To think; with as much effort as the model does by itself where none is named.
    On(Option<Effort>),
}

/// How hard to think, for the models that can be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effort {
    /// Little.
    Low,
    /// As much as most questions need.
    Medium,
    /// Much.
    High,
}

impl Effort {
    /// As clients write it.
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
