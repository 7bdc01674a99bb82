//! Validation errors of request bodies, shared by all dialects. The client can fix all of them.

/// Validation error of a request body.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ValidationError {
    /// Invalid JSON.
    #[error("the body is not valid JSON: {reason}")]
    Json {
        /// Parser error, with line and column.
        reason: String,
    },
    /// Wrong JSON type.
    #[error("{} cannot be read: {reason}", describe(param.as_deref()))]
    Type {
        /// Path of the field; `None` for the body itself.
        param: Option<String>,
        /// Expected and actual type.
        reason: String,
    },
    /// Value out of range.
    #[error("`{param}` {reason}")]
    Value {
        /// Path of the field.
        param: String,
        /// Cause and expected value.
        reason: String,
    },
    /// Unsupported field. It is refused, because ignoring it would change the meaning of the
    /// request.
    #[error("`{param}` is not supported yet by this version{detail}")]
    Unsupported {
        /// Path of the field.
        param: String,
        /// Alternative, with its own punctuation; may be empty.
        detail: String,
    },
}

fn describe(param: Option<&str>) -> String {
    param.map_or_else(|| "the body".to_owned(), |param| format!("`{param}`"))
}

impl ValidationError {
    /// Value out of range.
    pub(crate) fn value(param: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::Value { param: param.into(), reason: reason.into() }
    }

    /// Error for an unsupported field; `detail` describes the alternative.
    pub(crate) fn unsupported(param: impl Into<String>, detail: impl Into<String>) -> Self {
        Self::Unsupported { param: param.into(), detail: detail.into() }
    }

    /// Path of the invalid field.
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
