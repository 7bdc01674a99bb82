//! The model's chat template, a Jinja program that travels in its file.
//!
//! What a template can do is found out by trying, when the model is set up: whether it takes a
//! system message, and whether it shows tools, their calls and results.

mod json;
mod values;

use harmonic_types::{Message, Role, Tool, ToolCall};
use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Serde, ValueKind};
use minijinja::{Environment, Error, ErrorKind, Value, context};

use super::calls::Syntax;
use super::described::describe;
use super::vocabulary::Vocabulary;
pub(super) use json::json_text;
pub(super) use values::tool_value;
use values::{Wishes, message_values};

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

/// How a model's template deals with tools.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tools {
    /// It shows them, and teaches a syntax for their calls.
    Shown(Syntax, Wishes),
    /// It does not, or in a syntax that is not known here: they are described by us.
    Described,
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
    tools: Tools,
}

/// What is rendered.
#[derive(Clone, Copy)]
pub(super) struct Scene<'a> {
    pub(super) messages: &'a [Message],
    /// Tools to show.
    pub(super) tools: &'a [Tool],
    pub(super) thinking: bool,
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
            tools: Tools::Described,
        };
        let messages = [Message::new(Role::System, "s"), Message::new(Role::User, "u")];
        let scene = Scene { messages: &messages, tools: &[], thinking: false };
        template.takes_system = template.render(scene).is_ok();
        template.tools = template.try_tools();
        Ok(template)
    }

    /// Whether a tool, a call of it and its result are all to be seen in what the template makes
    /// of them.
    fn try_tools(&self) -> Tools {
        let Some(syntax) = Syntax::of(&self.source) else { return Tools::Described };
        let tool = Tool {
            name: "probe_tool".to_owned(),
            description: Some("probes".to_owned()),
            parameters: r#"{"type":"object","properties":{"probe_key":{"type":"string"}}}"#
                .to_owned(),
        };
        let call = ToolCall {
            id: "000000000".to_owned(),
            name: tool.name.clone(),
            arguments: r#"{"probe_key":"probe_value"}"#.to_owned(),
        };
        let tool_call_id = Some(call.id.clone());
        let messages = [
            Message::new(Role::User, "u"),
            Message { tool_calls: vec![call], ..Message::new(Role::Assistant, "") },
            Message { tool_call_id, ..Message::new(Role::Tool, "probe_result") },
        ];
        let mut wishes = Wishes {
            text_arguments: false,
            short_ids: matches!(syntax, Syntax::List | Syntax::Named),
        };
        for text_arguments in [false, true] {
            wishes.text_arguments = text_arguments;
            let shows = |messages, wanted: &[&str]| {
                let scene = Scene { messages, tools: std::slice::from_ref(&tool), thinking: false };
                self.run(scene, wishes).is_ok_and(|text| wanted.iter().all(|w| text.contains(w)))
            };
            if shows(&messages[..1], &["probe_tool", "probe_key"])
                && shows(&messages, &["probe_tool", "probe_value", "probe_result"])
            {
                return Tools::Shown(syntax, wishes);
            }
        }
        Tools::Described
    }

    /// How the model writes calls.
    pub(super) fn syntax(&self) -> Syntax {
        match self.tools {
            Tools::Shown(syntax, _) => syntax,
            Tools::Described => Syntax::Tagged,
        }
    }

    pub(super) fn mentions(&self, text: &str) -> bool {
        self.source.contains(text)
    }

    /// The conversation as text, up to where the answer starts.
    pub(super) fn render(&self, scene: Scene<'_>) -> Result<String, TemplateError> {
        let mut messages = scene.messages.to_vec();
        let (wishes, tools) = match self.tools {
            Tools::Shown(_, wishes) => (wishes, scene.tools),
            Tools::Described => {
                messages = describe(&messages, scene.tools);
                (Wishes { text_arguments: false, short_ids: false }, [].as_slice())
            }
        };
        if !self.takes_system {
            messages = system_into_user(&messages);
        }
        self.run(Scene { messages: &messages, tools, ..scene }, wishes)
    }

    fn run(&self, scene: Scene<'_>, wishes: Wishes) -> Result<String, TemplateError> {
        let Some(jinja) = &self.jinja else {
            let texts: Vec<&str> = scene.messages.iter().map(|m| m.content.as_str()).collect();
            return Ok(texts.join("\n\n"));
        };
        let tools: Vec<_> = scene.tools.iter().map(tool_value).collect();
        // As in Hugging Face's: no tools are `none`, which some templates ask for.
        let tools = (!tools.is_empty()).then(|| Value::from(Serde(tools)));
        jinja
            .get_template(NAME)
            .and_then(|template| {
                template.render(context! {
                    messages => Value::from(Serde(message_values(scene.messages, wishes))),
                    tools => tools.unwrap_or_else(|| Value::from(())),
                    add_generation_prompt => true,
                    bos_token => self.bos.as_str(),
                    eos_token => self.eos.as_str(),
                    enable_thinking => scene.thinking,
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
    jinja.add_filter("tojson", json::tojson);
    jinja.add_test("iterable", is_iterable);
    jinja.add_function("raise_exception", |message: String| -> Result<String, Error> {
        Err(Error::new(ErrorKind::InvalidOperation, message))
    });
    jinja.add_template_owned(NAME, source).map_err(invalid)?;
    Ok(jinja)
}

/// As Python has it: texts are, `none` is not.
fn is_iterable(value: &Value) -> bool {
    !matches!(value.kind(), ValueKind::None | ValueKind::Bool | ValueKind::Number)
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
