//! Thinking support of a model, detected from its template.

use super::TemplateError;
use super::reasoning::ReasoningStyle;
use super::template::Template;

/// Whether a model reasons before it answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ThinkingSupport {
    /// No reasoning.
    #[default]
    Never,
    /// Reasoning can be switched on and off.
    Switchable,
    /// Reasoning cannot be switched off.
    Always,
}

impl ThinkingSupport {
    /// Support of a model with the template `source`.
    ///
    /// # Errors
    /// [`TemplateError`] if the template is invalid.
    pub fn of_template(source: &str) -> Result<Self, TemplateError> {
        Template::of_source(Some(source.to_owned()), String::new(), String::new())
            .map(|template| Self::of(&template))
    }

    pub(super) fn of(template: &Template) -> Self {
        match (template.can_forgo_thinking(), ReasoningStyle::of(template.source())) {
            (true, _) => Self::Switchable,
            (false, Some(_)) => Self::Always,
            (false, None) => Self::Never,
        }
    }
}
