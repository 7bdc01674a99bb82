//! Conversation as it is sent: one system message at most, which comes first.

use std::borrow::Cow;

use harmonic_types::{AgentSpec, Message, Role, SystemTurn};

/// The messages with their system turn in front: the agent's prompt, then the system messages of
/// the request. A server that has the agent's prompt puts it first only where the request has no
/// system message, so that the prompt is left out only then.
pub(crate) fn conversation(
    agent: &AgentSpec,
    turn: SystemTurn,
    sends_system: bool,
    messages: Vec<Message>,
) -> Vec<Message> {
    let (system, rest): (Vec<Message>, Vec<Message>) =
        messages.into_iter().partition(|message| message.role == Role::System);
    let of_agent = match turn {
        SystemTurn::Agent if sends_system || !system.is_empty() => agent.system.trim(),
        SystemTurn::Agent | SystemTurn::Request => "",
    };
    let texts: Vec<Cow<'_, str>> = std::iter::once(of_agent.into())
        .chain(system.iter().map(Message::text))
        .filter(|text| !text.is_empty())
        .collect();
    let first = (!texts.is_empty()).then(|| Message::new(Role::System, texts.join("\n\n")));
    first.into_iter().chain(rest).collect()
}
