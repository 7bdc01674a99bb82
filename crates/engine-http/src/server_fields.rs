//! What a server can be asked for: the fields of a request that it has and those that it lacks.
//!
//! Invariant: a request that passes [`ServerFields::check`] is sent whole; what the server has no
//! field for is refused by name.

use harmonic_engine::Capabilities;
use harmonic_types::{
    ContentPart, EngineKind, Format, Prompt, Rejection, RemoteDialect, Request, Tool, ToolChoice,
};

/// Fields that a server has, by its kind, dialect and capabilities.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ServerFields {
    pub(crate) kind: EngineKind,
    pub(crate) dialect: RemoteDialect,
    pub(crate) capabilities: Capabilities,
}

impl ServerFields {
    /// Whether the server is known to have more than OpenAI's API documents: `top_k`, `min_p`, a
    /// penalty of repetitions, and a switch of thinking.
    pub(crate) fn has_extensions(&self) -> bool {
        match self.dialect {
            RemoteDialect::Ollama => true,
            RemoteDialect::OpenAi => {
                matches!(self.kind, EngineKind::LlamaServer | EngineKind::Vllm)
            }
        }
    }

    /// Rejects a request that cannot be sent whole.
    ///
    /// # Errors
    /// [`Rejection::Invalid`], with the name of the field.
    pub(crate) fn check(&self, request: &Request) -> Result<(), Rejection> {
        self.capabilities.check_system_turn(request)?;
        check_choice(request)?;
        let Some(field) = self.lacking(request) else { return Ok(()) };
        Err(Rejection::Invalid {
            message: format!(
                "`{field}` is not supported by {}: its engine, a server of the kind {}, cannot \
                 honour it; leave it out, or ask another agent",
                request.agent, self.kind
            ),
        })
    }

    /// First field of `request` that the server lacks.
    fn lacking(&self, request: &Request) -> Option<&'static str> {
        let Self { capabilities, dialect, .. } = self;
        let is_ollama = *dialect == RemoteDialect::Ollama;
        let is_text = matches!(request.prompt, Prompt::Text(_));
        let has = |is_part: fn(&ContentPart) -> bool| {
            request.prompt.messages().iter().flat_map(|message| &message.content).any(is_part)
        };
        let forced = matches!(request.tool_choice, ToolChoice::Required | ToolChoice::Named(_));
        let sampling = &request.sampling;
        // OpenAI's API has efforts, `none` among them, but no switch.
        let switches_thinking = request.thinking == Some(true) && request.effort.is_none();
        let lacks_extensions = !self.has_extensions();
        [
            ("tools", !callable(request).is_empty() && !capabilities.tools),
            ("tool_choice", forced && is_ollama),
            ("strict", !request.strict_tools.is_empty() && !capabilities.strict_tools),
            (
                request.format.as_ref().map_or("response_format", format_name),
                request.format.as_ref().is_some_and(|format| !capabilities.forms.holds(format)),
            ),
            // The form of log-probabilities of texts differs between servers.
            (
                "logprobs",
                request.top_logprobs.is_some() && (!capabilities.logprobs || is_text && !is_ollama),
            ),
            ("ignore_eos", request.ignore_eos && (!capabilities.ignore_eos || is_ollama)),
            ("logit_bias", !request.logit_bias.is_empty() && is_ollama),
            ("top_k", sampling.top_k.is_some() && lacks_extensions),
            ("min_p", sampling.min_p.is_some() && lacks_extensions),
            ("repeat_penalty", sampling.repeat_penalty.is_some() && lacks_extensions),
            ("thinking", switches_thinking && lacks_extensions),
            ("image", !capabilities.vision && has(|part| matches!(part, ContentPart::Image(_)))),
            (
                "audio",
                (!capabilities.audio || is_ollama)
                    && has(|part| matches!(part, ContentPart::Audio(_))),
            ),
        ]
        .into_iter()
        .find_map(|(field, lacks)| lacks.then_some(field))
    }
}

/// Tools that the answer may call.
pub(crate) fn callable(request: &Request) -> &[Tool] {
    match request.tool_choice {
        ToolChoice::None => &[],
        _ => request.prompt.tools(),
    }
}

fn format_name(format: &Format) -> &'static str {
    match format {
        Format::JsonObject => "response_format: json_object",
        Format::JsonSchema(_) => "response_format: json_schema",
        Format::Grammar(_) => "grammar",
        Format::Regex(_) => "regex",
    }
}

/// Rejects a choice among tools that there are not.
fn check_choice(request: &Request) -> Result<(), Rejection> {
    let tools = request.prompt.tools();
    let message = match &request.tool_choice {
        ToolChoice::Required | ToolChoice::Named(_) if tools.is_empty() => {
            "`tool_choice` requires a call of a tool, but the request has none: add `tools`"
                .to_owned()
        }
        ToolChoice::Named(name) if !tools.iter().any(|tool| tool.name == *name) => {
            let known: Vec<&str> = tools.iter().map(|tool| tool.name.as_str()).collect();
            format!("invalid `tool_choice` `{name}`: expected one of {}", known.join(", "))
        }
        _ => return Ok(()),
    };
    Err(Rejection::Invalid { message })
}
