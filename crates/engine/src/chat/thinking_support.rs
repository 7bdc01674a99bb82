//! Whether a model thinks before it answers, as its template tells.

use super::TemplateError;
use super::reasoning::ReasoningStyle;
use super::template::Template;

/// When a model thinks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ThinkingSupport {
    /// Its template knows nothing of it.
    #[default]
    Never,
    /// Where it is told to.
    Switchable,
    /// Whatever it is told.
    Always,
}

impl ThinkingSupport {
    /// Of a model with the template `source`.
    ///
    /// # Errors
    /// When the template is not valid.
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
