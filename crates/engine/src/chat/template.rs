//! The model's chat template, a Jinja program that travels in its file.
//!
//! What a template can do is found out by trying, when the model is set up: whether it takes a
//! system message, and whether it shows tools, their calls and results.
//!
//! Invariants: a template is a stranger's program, so it is compiled on a thread with a stack for it,
//! runs within a [budget](budget), and can be given up at any step; what a client wrote is marked
//! before the template sees it.

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

/// Name of the one template in the environment.
const NAME: &str = "chat";
/// Bytes of JSON for each value in it, on average and at least.
const BYTES_PER_NODE: usize = 8;

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

    /// Of a vocabulary whose special tokens cannot be looked for.
    pub(super) fn of_vocabulary(error: &dyn std::error::Error) -> Self {
        Self { action: "cannot be used with its vocabulary", reason: error.to_string() }
    }
}

/// How a model's template deals with tools.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tools {
    /// It shows them, and teaches a syntax for their calls.
    Shown(Syntax),
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
    capabilities: TemplateCapabilities,
    switches: Switches,
}

/// What is rendered.
#[derive(Clone, Copy)]
pub(super) struct TemplateContext<'a> {
    pub(super) messages: &'a [Message],
    /// Tools to show.
    pub(super) tools: &'a [Tool],
    pub(super) thinking: Thinking,
    /// Ends the rendering.
    pub(super) cancelled: &'a CancelFlag,
    /// TaintMarks what a client wrote.
    pub(super) marks: &'a TaintMarks,
}

/// What a conversation that is no client's is rendered with: nobody cancels it, and nothing is marked.
#[derive(Debug, Default)]
struct Unmarked {
    cancelled: CancelFlag,
    marks: TaintMarks,
}

impl Unmarked {
    /// `messages` without tools, answered without thinking.
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

    /// The template `source` of a model whose texts begin with `bos` and end with `eos`.
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

    /// How the model writes calls.
    pub(super) fn syntax(&self) -> Syntax {
        match self.tools {
            Tools::Shown(syntax) => syntax,
            Tools::Described => Syntax::Tagged,
        }
    }

    /// Whether the model can be told not to think.
    pub(super) fn can_forgo_thinking(&self) -> bool {
        self.switches.can_forgo
    }

    pub(super) fn source(&self) -> &str {
        &self.source
    }

    /// The conversation as text, up to where the answer starts. What a client wrote is marked in it.
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
            // A template that goes through the arguments can do so only with an object.
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

    /// `context` with its messages as `messages`.
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
        // As in Hugging Face's: no tools are `none`, which some templates ask for.
        let tools = (!tools.is_empty()).then(|| Value::from(Serde(tools)));
        let variables = context! {
            messages => Value::from(Serde(messages)),
            tools => tools.unwrap_or_else(|| Value::from(())),
            add_generation_prompt => true,
            bos_token => self.bos.as_str(),
            eos_token => self.eos.as_str(),
            // Llama's, which have no clock; llama-server tells them as well.
            date_string => environment::strftime_now("%d %b %Y").map_err(|error| refused(&error))?,
            ..Value::from(values)
        };
        let render = || {
            let mut written = BoundedText::default();
            let template = jinja.get_template(NAME)?;
            template.render_captured_to(variables, &mut written)?;
            written.text()
        };
        // A fault of the interpreter that a template finds is that template's failure.
        let rendering = || budget::within(limits, context.cancelled, render);
        match catch_unwind(AssertUnwindSafe(rendering)) {
            Ok(rendered) => rendered.map_err(|error| refused(&error)),
            Err(_) => Err(TemplateError {
                action: "refuses this conversation",
                reason: "the interpreter has panicked in it".to_owned(),
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

/// `message` with what is said in it marked. Calls are marked where they are written.
fn marked(message: &Message, marks: &TaintMarks) -> Message {
    Message {
        reasoning: message.reasoning.as_deref().map(|text| marks.text(text)),
        tool_calls: message.tool_calls.clone(),
        tool_call_id: message.tool_call_id.clone(),
        ..Message::new(message.role, marks.text(&message.text()))
    }
}

/// Puts the system message at the head of the first user message.
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
