//! Chat template of the model, a Jinja program stored in the model file.
//!
//! The capabilities of a template (system messages, tools with calls and results) are probed when
//! the model is set up.
//!
//! Invariants: a template is untrusted, so it is compiled on a thread with a large stack, runs
//! within a [budget](budget), and can be cancelled at any step; client text is marked before it is
//! passed to the template.

mod budget;
mod environment;
mod guards;
mod json;
mod lists;
mod marked_text;
mod methods;
mod probing;
mod slices;
mod source;
mod tags;
#[cfg(test)]
mod tests;
mod thinking_switches;
mod values;

use std::panic::{AssertUnwindSafe, catch_unwind};

use harmonic_types::{Message, Role, Thinking, Tool};
use minijinja::value::Serde;
use minijinja::{Environment, Error, Value, context};

use super::calls::Syntax;
use super::taint::TaintMarks;
use super::tool_prompt::inline_tools;
use super::vocabulary::Vocabulary;
use crate::workers::CancelFlag;
use budget::{BoundedText, Limits};
pub(super) use json::json_text;
use thinking_switches::{SwitchValues, Switches};
use values::{TemplateCapabilities, message_values};
pub(super) use values::{object as arguments_object, tool_value};

/// Name of the template in its environment.
const NAME: &str = "chat";
/// Minimum bytes of JSON per value, used to estimate the number of values.
const BYTES_PER_NODE: usize = 8;

/// Failure of a template.
#[derive(Debug, thiserror::Error)]
#[error("the model's chat template {action}: {reason}")]
pub struct TemplateError {
    action: &'static str,
    reason: String,
}

impl TemplateError {
    /// Error with its innermost cause, which holds the message of `raise_exception`.
    fn new(action: &'static str, error: &Error) -> Self {
        let reason = error.detail().map_or_else(|| error.to_string(), str::to_owned);
        Self { action, reason }
    }

    /// Error of a vocabulary for whose special tokens no matcher can be built.
    pub(super) fn of_vocabulary(error: &dyn std::error::Error) -> Self {
        Self { action: "cannot be used with its vocabulary", reason: error.to_string() }
    }
}

/// Tool support of a template.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tools {
    /// The template shows tools and teaches a call syntax.
    Shown(Syntax),
    /// The template has no tool support, or an unknown call syntax: [`inline_tools`] adds a prompt.
    Described,
}

#[derive(Debug)]
pub(super) struct Template {
    /// `None` for a base model, whose prompt is the text of the messages.
    jinja: Option<Environment<'static>>,
    source: String,
    bos: String,
    eos: String,
    /// Whether the template accepts a system message (Gemma's does not).
    takes_system: bool,
    tools: Tools,
    capabilities: TemplateCapabilities,
    switches: Switches,
}

/// Input of a rendering.
#[derive(Clone, Copy)]
pub(super) struct TemplateContext<'a> {
    pub(super) messages: &'a [Message],
    /// Tools to show.
    pub(super) tools: &'a [Tool],
    pub(super) thinking: Thinking,
    /// Cancels the rendering.
    pub(super) cancelled: &'a CancelFlag,
    /// Marks of client text.
    pub(super) marks: &'a TaintMarks,
}

/// Context of a probe conversation, without cancellation and marks.
#[derive(Debug, Default)]
struct Unmarked {
    cancelled: CancelFlag,
    marks: TaintMarks,
}

impl Unmarked {
    /// Context of `messages` without tools and thinking.
    fn context<'a>(&'a self, messages: &'a [Message]) -> TemplateContext<'a> {
        let Self { cancelled, marks } = self;
        TemplateContext { messages, tools: &[], thinking: Thinking::Off, cancelled, marks }
    }
}

impl Template {
    pub(super) fn new(vocabulary: &dyn Vocabulary) -> Result<Self, TemplateError> {
        let source = vocabulary.chat_template();
        Self::of_source(source, vocabulary.bos_text(), vocabulary.eos_text())
    }

    /// The template `source` of a model with the start and end of text `bos` and `eos`.
    pub(super) fn of_source(
        source: Option<String>,
        bos: String,
        eos: String,
    ) -> Result<Self, TemplateError> {
        let compiled = source.clone().map(environment::environment).transpose()?;
        let (jinja, names) = compiled.unzip();
        let mut template = Self {
            jinja,
            source: source.unwrap_or_default(),
            bos,
            eos,
            takes_system: true,
            tools: Tools::Described,
            capabilities: TemplateCapabilities::default(),
            switches: Switches::default(),
        };
        template.probe_question()?;
        template.switches = template.probe_switches(&names.unwrap_or_default());
        if let Some(syntax) = Syntax::of(&template.source)
            && let Some(capabilities) = template.probe_tools(Some(syntax))
        {
            (template.tools, template.capabilities) = (Tools::Shown(syntax), capabilities);
        }
        Ok(template)
    }

    /// Call syntax of the model.
    pub(super) fn syntax(&self) -> Syntax {
        match self.tools {
            Tools::Shown(syntax) => syntax,
            Tools::Described => Syntax::Tagged,
        }
    }

    /// Whether thinking can be switched off.
    pub(super) fn can_forgo_thinking(&self) -> bool {
        self.switches.can_forgo
    }

    pub(super) fn source(&self) -> &str {
        &self.source
    }

    /// Renders the conversation up to the start of the answer, with client text marked.
    pub(super) fn render(&self, context: TemplateContext<'_>) -> Result<String, TemplateError> {
        let mut messages: Vec<Message> =
            context.messages.iter().map(|message| marked(message, context.marks)).collect();
        let mut capabilities = self.capabilities;
        let tools = match self.tools {
            Tools::Shown(_) => context.tools,
            Tools::Described => {
                messages = inline_tools(&messages, context.tools, context.marks);
                &[]
            }
        };
        if !self.takes_system {
            messages = system_into_user(&messages);
        }
        let context = TemplateContext { messages: &messages, tools, ..context };
        let rendered = self.run(context, capabilities);
        if rendered.is_err() && values::has_broken_calls(&messages) && !capabilities.text_arguments
        {
            // A template that iterates over the arguments needs an object.
            capabilities.whole_arguments = true;
            return self.run(context, capabilities).or(rendered);
        }
        rendered
    }

    fn run(
        &self,
        context: TemplateContext<'_>,
        capabilities: TemplateCapabilities,
    ) -> Result<String, TemplateError> {
        let messages = message_values(context.messages, capabilities, context.marks);
        self.run_values(context, messages, self.switches.values(context.thinking))
    }

    /// Renders `context` with `messages` in place of its own.
    fn run_values(
        &self,
        context: TemplateContext<'_>,
        messages: Vec<serde_json::Value>,
        values: SwitchValues,
    ) -> Result<String, TemplateError> {
        let refused = |error: &Error| TemplateError::new("refuses this conversation", error);
        let Some(jinja) = &self.jinja else {
            let texts: Vec<_> = context.messages.iter().map(Message::text).collect();
            return Ok(texts.join("\n\n"));
        };
        let limits = context.limits();
        let mut jinja = jinja.clone();
        jinja.set_fuel(Some(limits.steps));
        let tools: Vec<_> =
            context.tools.iter().map(|tool| tool_value(tool, context.marks)).collect();
        // As in Hugging Face's implementation, no tools are `none`, which some templates check.
        let tools = (!tools.is_empty()).then(|| Value::from(Serde(tools)));
        let variables = context! {
            messages => Value::from(Serde(messages)),
            tools => tools.unwrap_or_else(|| Value::from(())),
            add_generation_prompt => true,
            bos_token => self.bos.as_str(),
            eos_token => self.eos.as_str(),
            // For Llama templates, which do not call `strftime_now`; llama-server sets it, too.
            date_string => environment::strftime_now("%d %b %Y").map_err(|error| refused(&error))?,
            ..Value::from(values)
        };
        let render = || {
            let mut written = BoundedText::default();
            let template = jinja.get_template(NAME)?;
            template.render_captured_to(variables, &mut written)?;
            written.text()
        };
        // A panic of the interpreter is treated as a failure of the template.
        let rendering = || budget::within(limits, context.cancelled, render);
        match catch_unwind(AssertUnwindSafe(rendering)) {
            Ok(rendered) => rendered.map_err(|error| refused(&error)),
            Err(_) => Err(TemplateError {
                action: "refuses this conversation",
                reason: "the interpreter panicked".to_owned(),
            }),
        }
    }
}

impl TemplateContext<'_> {
    fn limits(&self) -> Limits {
        let (mut bytes, mut nodes) = (0, 0);
        let mut count = |text: &str| bytes += text.len();
        for message in self.messages {
            count(&message.text());
            count(message.reasoning.as_deref().unwrap_or_default());
            nodes += 1;
            for call in &message.tool_calls {
                count(&call.name);
                count(&call.arguments);
                nodes += 1 + call.arguments.len() / BYTES_PER_NODE;
            }
        }
        for tool in self.tools {
            count(&tool.name);
            count(tool.description.as_deref().unwrap_or_default());
            count(&tool.parameters);
            nodes += 1 + tool.parameters.len() / BYTES_PER_NODE;
        }
        Limits::of(bytes as u64, nodes as u64)
    }
}

/// Marks the contents of `message`. Calls are marked where they are converted to values.
fn marked(message: &Message, marks: &TaintMarks) -> Message {
    Message {
        reasoning: message.reasoning.as_deref().map(|text| marks.text(text)),
        tool_calls: message.tool_calls.clone(),
        tool_call_id: message.tool_call_id.clone(),
        ..Message::new(message.role, marks.text(&message.text()))
    }
}

/// Moves the system message to the start of the first user message.
fn system_into_user(messages: &[Message]) -> Vec<Message> {
    let mut system = String::new();
    let mut merged = Vec::with_capacity(messages.len());
    for message in messages {
        match message.role {
            Role::System => {
                system.push_str(&message.text());
                system.push('\n');
            }
            Role::User => {
                let content = std::mem::take(&mut system) + &message.text();
                merged.push(Message::new(Role::User, content));
            }
            Role::Assistant | Role::Tool => merged.push(message.clone()),
        }
    }
    merged
}
