//! Proptest strategies shared by the dialects' tests.

use harmonic_types::{
    ContentPart, Media, Message, Role, SamplingOverrides, Tool, ToolCall, ToolChoice,
};
use proptest::option::of;
use proptest::prelude::*;
use serde_json::json;

/// Tool name.
pub(crate) fn name() -> impl Strategy<Value = String> {
    "[A-Za-z0-9_.:/-]{1,12}"
}

/// JSON text of an object, as `serde_json` writes it.
pub(crate) fn object() -> impl Strategy<Value = String> {
    let values = vec![json!({}), json!({"b": [1, 2.5, null], "a": {"é": "\n\"\\"}})];
    prop::sample::select(values).prop_map(|value| value.to_string())
}

/// Tool call with an object as arguments.
pub(crate) fn call() -> impl Strategy<Value = ToolCall> {
    ("[^\0]+", name(), object()).prop_map(|(id, name, arguments)| ToolCall { id, name, arguments })
}

/// Image, with a media type if the dialect has a field for it.
pub(crate) fn image(typed: bool) -> impl Strategy<Value = ContentPart> {
    let media_type = of("image/(png|jpeg)").prop_map(move |stated| stated.filter(|_| typed));
    (media_type, "[A-Za-z0-9+/]{4}(AA==|AAA=)?")
        .prop_map(|(media_type, base64)| ContentPart::Image(Media { media_type, base64 }))
}

/// Text and image parts in any order.
pub(crate) fn parts() -> impl Strategy<Value = Vec<ContentPart>> {
    let text = "[^\0]*".prop_map(ContentPart::text);
    prop::collection::vec(prop_oneof![text, image(true)], 1..5)
}

/// Any message. Tool results have no images, because older ones are replaced by text.
pub(crate) fn message() -> impl Strategy<Value = Message> {
    message_by(parts().prop_map(|parts| Message::of_parts(Role::User, parts)))
}

/// User message drawn from `user`, or a message of another role.
pub(crate) fn message_by(user: impl Strategy<Value = Message>) -> impl Strategy<Value = Message> {
    let plain = |role| "[^\0]*".prop_map(move |content| Message::new(role, content));
    let assistant = ("[^\0]*", of("[^\0]*"), prop::collection::vec(call(), 0..3)).prop_map(
        |(content, reasoning, tool_calls)| Message {
            reasoning,
            tool_calls,
            ..Message::new(Role::Assistant, content)
        },
    );
    let tool = ("[^\0]*", "[^\0]+").prop_map(|(content, id)| Message {
        tool_call_id: Some(id),
        ..Message::new(Role::Tool, content)
    });
    prop_oneof![plain(Role::System), user, assistant, tool]
}

/// Tools with unique names, and a choice among them.
pub(crate) fn tools() -> impl Strategy<Value = (Vec<Tool>, ToolChoice)> {
    let tools = prop::collection::btree_map(name(), (of("[^\0]*"), object()), 0..3);
    (tools, 0..4u8).prop_map(|(tools, choice)| {
        let tools: Vec<Tool> = tools
            .into_iter()
            .map(|(name, (description, parameters))| Tool { name, description, parameters })
            .collect();
        let choice = match (choice, tools.first()) {
            (1, _) => ToolChoice::None,
            (2, Some(_)) => ToolChoice::Required,
            (3, Some(tool)) => ToolChoice::Named(tool.name.clone()),
            _ => ToolChoice::Auto,
        };
        (tools, choice)
    })
}

prop_compose! {
    /// Any sampling overrides.
    pub(crate) fn overrides()(
        temperature in of(0.0f32..=2.0),
        top_k in of(any::<u32>()),
        top_p in of(0.0f32..=1.0),
        min_p in of(0.0f32..=1.0),
        repeat_penalty in of(0.001f32..=10.0),
        presence_penalty in of(-2.0f32..=2.0),
        frequency_penalty in of(-2.0f32..=2.0),
    ) -> SamplingOverrides {
        SamplingOverrides {
            temperature, top_k, top_p, min_p, repeat_penalty, presence_penalty, frequency_penalty,
        }
    }
}
