//! Why a body is not a request that can be served, in any dialect. All are the client's to mend.

/// Why a body is not a request that can be served.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Invalid {
    /// Not JSON.
    #[error("the body is not valid JSON: {reason}")]
    Json {
        /// What the parser says, with line and column.
        reason: String,
    },
    /// JSON of another shape.
    #[error("{} cannot be read: {reason}", place(param.as_deref()))]
    Type {
        /// Path of the field; `None` for the body itself.
        param: Option<String>,
        /// What was expected and found.
        reason: String,
    },
    /// A value out of its range.
    #[error("`{param}` {reason}")]
    Value {
        /// Path of the field.
        param: String,
        /// What is wrong with it and what would be right.
        reason: String,
    },
    /// A field that this version cannot honour. It is refused because to ignore it would be to
    /// answer another question than the one asked.
    #[error("`{param}` is not supported yet by this version{detail}")]
    Unsupported {
        /// Path of the field.
        param: String,
        /// What would be accepted, with its own punctuation; may be empty.
        detail: String,
    },
}

fn place(param: Option<&str>) -> String {
    param.map_or_else(|| "the body".to_owned(), |param| format!("`{param}`"))
}

impl Invalid {
    /// A value out of its range.
    pub(crate) fn value(param: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::Value { param: param.into(), reason: reason.into() }
    }

    /// Something this version cannot honour; `detail` says what it can.
    pub(crate) fn unsupported(param: impl Into<String>, detail: impl Into<String>) -> Self {
        Self::Unsupported { param: param.into(), detail: detail.into() }
    }

    /// The field at fault.
    pub fn param(&self) -> Option<&str> {
        match self {
            Self::Json { .. } => None,
            Self::Type { param, .. } => param.as_deref(),
            Self::Value { param, .. } | Self::Unsupported { param, .. } => Some(param),
        }
    }

    /// Stable code for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Json { .. } => "invalid_json",
            Self::Type { .. } => "invalid_type",
            Self::Value { .. } => "invalid_value",
            Self::Unsupported { .. } => "unsupported",
        }
    }
}
