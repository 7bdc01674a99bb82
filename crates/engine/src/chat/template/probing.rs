//! Probing of a template's capabilities when the model is set up.
//!
//! Does not do: anything with a client's conversation.

use std::collections::HashSet;

use harmonic_types::{Message, Role, Tool, ToolCall};

use super::thinking_switches::Switches;
use super::values::{RESPONSES, TemplateCapabilities, message_values};
use super::{Template, TemplateContext, TemplateError, Unmarked};
use crate::chat::calls::Syntax;

/// Role that no template knows.
const UNKNOWN_ROLE: &str = "probe_role";

impl Template {
    /// Probes how the template takes a question, with and without a system message.
    pub(super) fn probe_question(&mut self) -> Result<(), TemplateError> {
        let messages =
            [Message::new(Role::System, "s"), Message::new(Role::User, "probe_question")];
        let unmarked = Unmarked::default();
        let context = unmarked.context(&messages);
        let shows = |text: &String| text.contains("probe_question");
        let mut asked = Vec::new();
        for (parts, takes_system) in [(false, true), (false, false), (true, true), (true, false)] {
            (self.capabilities.parts, self.takes_system) = (parts, takes_system);
            let text = self.render(context);
            if text.as_ref().is_ok_and(shows) {
                return Ok(());
            }
            asked.push((takes_system, text));
        }
        // A template that accepts a question without showing it.
        self.capabilities.parts = false;
        let mut plain = asked.into_iter().take(2);
        let taken = plain.find_map(|(takes_system, text)| match text {
            Ok(_) => Some(Ok(takes_system)),
            Err(error) if !takes_system => Some(Err(error)),
            Err(_) => None,
        });
        match taken {
            Some(Err(error)) => Err(TemplateError { action: "refuses a plain question", ..error }),
            Some(Ok(takes_system)) => {
                self.takes_system = takes_system;
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// Capabilities for tools, if a tool, its call and its result all appear in the rendered text.
    pub(super) fn probe_tools(&self, syntax: Option<Syntax>) -> Option<TemplateCapabilities> {
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
        let mut capabilities = TemplateCapabilities {
            short_ids: matches!(syntax, Some(Syntax::List | Syntax::Named)),
            ..self.capabilities
        };
        let unmarked = Unmarked::default();
        for text_arguments in [false, true] {
            capabilities.text_arguments = text_arguments;
            let context = TemplateContext {
                tools: std::slice::from_ref(&tool),
                ..unmarked.context(&messages)
            };
            capabilities.results_in_calls = self.wants_results_in_calls(context, capabilities);
            let shows = |messages, wanted: &[&str]| {
                let context = TemplateContext { messages, ..context };
                self.run(context, capabilities)
                    .is_ok_and(|text| wanted.iter().all(|w| text.contains(w)))
            };
            if shows(&messages[..1], &["probe_tool", "probe_key"])
                && shows(&messages, &["probe_tool", "probe_value", "probe_result"])
            {
                return Some(capabilities);
            }
        }
        None
    }

    /// Probes the thinking variables among `names`.
    pub(super) fn probe_switches(&self, names: &HashSet<String>) -> Switches {
        let mut messages =
            vec![Message::new(Role::System, "s"), Message::new(Role::User, "probe_question")];
        if !self.takes_system {
            messages.remove(0);
        }
        let unmarked = Unmarked::default();
        let context = unmarked.context(&messages);
        Switches::of(names, |values| {
            self.run_values(
                context,
                message_values(&messages, self.capabilities, context.marks),
                values,
            )
            .ok()
        })
    }

    /// Whether the template expects results beside their calls, and treats messages of role `tool`
    /// like those of an unknown role.
    fn wants_results_in_calls(
        &self,
        context: TemplateContext<'_>,
        capabilities: TemplateCapabilities,
    ) -> bool {
        if !self.source.contains(RESPONSES) {
            return false;
        }
        let render = |values| {
            self.run_values(context, values, self.switches.values(context.thinking))
                .unwrap_or_default()
        };
        let values = message_values(context.messages, capabilities, context.marks);
        let mut unknown = values.clone();
        let results = unknown.iter_mut().filter(|value| value["role"] == "tool");
        results.for_each(|value| value["role"] = UNKNOWN_ROLE.into());
        let (as_tool, as_any) = (render(values), render(unknown));
        let capabilities = TemplateCapabilities { results_in_calls: true, ..capabilities };
        let inside = render(message_values(context.messages, capabilities, context.marks));
        inside.contains("probe_result")
            && as_any.contains(UNKNOWN_ROLE)
            && as_any.replace(UNKNOWN_ROLE, "tool") == as_tool
    }
}
