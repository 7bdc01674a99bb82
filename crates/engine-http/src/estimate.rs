//! Estimate of the tokens of a prompt, where the server is not asked to count them.

use harmonic_types::{AgentSpec, Prompt, Request, SystemTurn};

use crate::server_fields::callable;

/// Bytes of text per token (docs/sources.md#words-per-token).
const BYTES_PER_TOKEN: usize = 4;

/// Estimated tokens of the prompt of `request` to `agent`, its system turn included.
pub(crate) fn prompt_tokens(agent: &AgentSpec, request: &Request) -> u32 {
    let bytes = match &request.prompt {
        Prompt::Text(text) => text.len(),
        Prompt::Chat { messages, .. } => {
            let system = match request.system {
                SystemTurn::Agent => agent.system.len(),
                SystemTurn::Request => 0,
            };
            let said = messages.iter().map(|message| {
                let calls = message.tool_calls.iter().map(|call| call.arguments.len());
                message.bytes() + calls.sum::<usize>()
            });
            let tools = callable(request).iter().map(|tool| {
                tool.parameters.len() + tool.description.as_ref().map_or(0, String::len)
            });
            system + said.sum::<usize>() + tools.sum::<usize>()
        }
    };
    u32::try_from(bytes.div_ceil(BYTES_PER_TOKEN)).unwrap_or(u32::MAX)
}
