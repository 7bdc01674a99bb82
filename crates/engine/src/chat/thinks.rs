//! Whether a model thinks before it answers, as its template tells.

use super::TemplateError;
use super::reasoning::Style;
use super::template::Template;

/// When a model thinks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Thinks {
    /// Its template knows nothing of it.
    #[default]
    Never,
    /// Where it is told to.
    IfTold,
    /// Whatever it is told.
    Always,
}

impl Thinks {
    /// Of a model with the template `source`.
    ///
    /// # Errors
    /// When the template is not valid.
    pub fn of_template(source: &str) -> Result<Self, TemplateError> {
        Template::of_source(Some(source.to_owned()), String::new(), String::new())
            .map(|template| Self::of(&template))
    }

    pub(super) fn of(template: &Template) -> Self {
        match (template.can_forgo_thinking(), Style::of(template.source())) {
            (true, _) => Self::IfTold,
            (false, Some(_)) => Self::Always,
            (false, None) => Self::Never,
        }
    }
}
