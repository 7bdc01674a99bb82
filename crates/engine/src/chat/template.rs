//! The model's chat template, a Jinja program that travels in its file.

use harmonic_types::{Message, Role};
use minijinja::syntax::SyntaxConfig;
use minijinja::{Environment, Error, ErrorKind, context};

use super::vocabulary::Vocabulary;

/// Name of the one template in the environment.
const NAME: &str = "chat";

/// A template that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("the model's chat template {action}: {reason}")]
pub struct TemplateError {
    action: &'static str,
    reason: String,
}

impl TemplateError {
    /// With the innermost cause, which is where `raise_exception` puts the template's own words.
    fn new(action: &'static str, error: &Error) -> Self {
        let reason = error.detail().map_or_else(|| error.to_string(), str::to_owned);
        Self { action, reason }
    }
}

#[derive(Debug)]
pub(super) struct Template {
    /// `None`: a base model; the messages' text is the prompt.
    jinja: Option<Environment<'static>>,
    source: String,
    bos: String,
    eos: String,
    /// Whether the template accepts a system message (gemma's does not).
    takes_system: bool,
}

impl Template {
    pub(super) fn new(vocabulary: &dyn Vocabulary) -> Result<Self, TemplateError> {
        let source = vocabulary.chat_template();
        let mut template = Self {
            jinja: source.clone().map(environment).transpose()?,
            source: source.unwrap_or_default(),
            bos: vocabulary.bos_text(),
            eos: vocabulary.eos_text(),
            takes_system: true,
        };
        let probe = [Message::new(Role::System, "s"), Message::new(Role::User, "u")];
        template.takes_system = template.render_as_is(&probe, false).is_ok();
        Ok(template)
    }

    pub(super) fn mentions(&self, text: &str) -> bool {
        self.source.contains(text)
    }

    /// A text that no template wraps, with the token that the model expects at the very beginning.
    pub(super) fn raw(&self, text: &str) -> String {
        format!("{}{text}", self.bos)
    }

    /// The conversation as text, up to where the answer starts.
    pub(super) fn render(
        &self,
        messages: &[Message],
        thinking: bool,
    ) -> Result<String, TemplateError> {
        if self.takes_system {
            self.render_as_is(messages, thinking)
        } else {
            self.render_as_is(&system_into_user(messages), thinking)
        }
    }

    fn render_as_is(&self, messages: &[Message], thinking: bool) -> Result<String, TemplateError> {
        let Some(jinja) = &self.jinja else {
            let texts: Vec<&str> = messages.iter().map(|m| m.content.as_str()).collect();
            return Ok(texts.join("\n\n"));
        };
        let messages: Vec<_> = messages
            .iter()
            .map(|m| context! { role => m.role.as_str(), content => m.content.as_str() })
            .collect();
        jinja
            .get_template(NAME)
            .and_then(|template| {
                template.render(context! {
                    messages,
                    add_generation_prompt => true,
                    bos_token => self.bos.as_str(),
                    eos_token => self.eos.as_str(),
                    enable_thinking => thinking,
                })
            })
            .map_err(|error| TemplateError::new("refuses this conversation", &error))
    }
}

/// The environment that Hugging Face's `apply_chat_template` gives a template.
fn environment(source: String) -> Result<Environment<'static>, TemplateError> {
    let mut jinja = Environment::new();
    let invalid = |error: Error| TemplateError::new("is not valid", &error);
    let syntax = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build();
    jinja.set_syntax(syntax.map_err(invalid)?);
    jinja.set_unknown_method_callback(minijinja_contrib::pycompat::unknown_method_callback);
    jinja.add_function("raise_exception", |message: String| -> Result<String, Error> {
        Err(Error::new(ErrorKind::InvalidOperation, message))
    });
    jinja.add_template_owned(NAME, source).map_err(invalid)?;
    Ok(jinja)
}

/// Puts the system message at the head of the first user message.
fn system_into_user(messages: &[Message]) -> Vec<Message> {
    let mut system = String::new();
    let mut merged = Vec::with_capacity(messages.len());
    for message in messages {
        match message.role {
            Role::System => {
                system.push_str(&message.content);
                system.push_str("\n\n");
            }
            Role::User => {
                let content = std::mem::take(&mut system) + &message.content;
                merged.push(Message::new(Role::User, content));
            }
            Role::Assistant | Role::Tool => merged.push(message.clone()),
        }
    }
    merged
}
