//! Answers with tool calls, and conversations about their results.

use harmonic_types::{
    Event, FinishReason, Format, Message, Prompt, Rejection, Request, Role, Tool, ToolCall,
    ToolChoice,
};
use serde_json::{Value, json};

use super::{Factory, answer, ask, config};
use crate::generation::Generation;

fn tools() -> Vec<Tool> {
    let tool = |name: &str, description: &str, parameters: Value| Tool {
        name: name.to_owned(),
        description: Some(description.to_owned()),
        parameters: parameters.to_string(),
    };
    let weather = json!({
        "type": "object",
        "properties": {
            "city": {"type": "string", "maxLength": 12},
            "days": {"$ref": "#/$defs/days"},
        },
        "required": ["city", "days"],
        "$defs": {"days": {"type": "integer", "minimum": 1, "maximum": 9}},
    });
    let light = json!({
        "type": "object",
        "properties": {"state": {"enum": ["on", "off"]}},
        "required": ["state"],
    });
    vec![
        tool("weather", "Tells the weather in a city.", weather),
        tool("light.switch", "Switches the light.", light),
        tool("time", "Tells the time.", json!({"type": "object", "properties": {}})),
    ]
}

fn fits(name: &str, arguments: &Value) -> bool {
    let fields = arguments.as_object().map_or(0, serde_json::Map::len);
    match name {
        "weather" => {
            let city = arguments["city"].as_str().is_some_and(|city| city.chars().count() <= 12);
            let days = arguments["days"].as_u64().is_some_and(|days| (1..=9).contains(&days));
            city && days && fields == 2
        }
        "light.switch" => ["on", "off"].iter().any(|s| arguments["state"] == *s) && fields == 1,
        "time" => arguments.is_object() && fields == 0,
        _ => false,
    }
}

fn request(id: u64, choice: ToolChoice) -> Request {
    let mut request = ask(id, "first", "What is the weather in Rome?", 160);
    let messages = request.prompt.messages().to_vec();
    request.prompt = Prompt::Chat { messages, tools: tools() };
    request.tool_choice = choice;
    request.seed = Some(id);
    request
}

/// A collected answer with calls.
#[derive(Debug, Default)]
struct Called {
    text: String,
    calls: Vec<ToolCall>,
    /// Number of events with arguments.
    deltas: usize,
    reason: Option<FinishReason>,
}

async fn collect(mut generation: Generation) -> Called {
    let mut called = Called::default();
    while let Some(event) = generation.next().await {
        assert!(called.reason.is_none(), "nothing follows the end: {event:?}");
        match event {
            Event::Text { text, .. } | Event::Reasoning { text } => called.text += &text,
            Event::ToolCall { index, id, name } => {
                assert_eq!(index as usize, called.calls.len(), "calls are counted");
                called.calls.push(ToolCall { id, name, arguments: String::new() });
            }
            Event::ToolArguments { index, text } => {
                assert_eq!(index as usize + 1, called.calls.len(), "calls do not overlap");
                called.calls[index as usize].arguments += &text;
                called.deltas += 1;
            }
            Event::Finished { reason, .. } => called.reason = Some(reason),
            Event::FormBroken { message } | Event::Failed { message } => {
                panic!("the engine failed: {message}")
            }
        }
    }
    called
}

pub(super) async fn a_required_call_is_made_and_valid(factory: Factory<'_>) {
    let engine = factory(config(2, 2048));
    let mut ids = Vec::new();
    for id in 0..4u64 {
        let mut request = request(id, ToolChoice::Required);
        request.sampling.temperature = Some(0.5 * id as f32);
        let called = collect(engine.submit(request).await.expect("granted")).await;
        assert_eq!(called.reason, Some(FinishReason::ToolCalls), "{called:?}");
        assert_eq!((called.text.as_str(), called.calls.len()), ("", 1), "{called:?}");
        let call = &called.calls[0];
        let arguments = serde_json::from_str(&call.arguments).expect("JSON");
        assert!(fits(&call.name, &arguments), "{called:?}");
        ids.push(call.id.clone());
    }
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 4, "every call has an id of its own");
}

pub(super) async fn the_named_tool_is_called(factory: Factory<'_>) {
    let engine = factory(config(1, 2048));
    for (id, tool) in (0..).zip(tools()) {
        let request = request(id, ToolChoice::Named(tool.name.clone()));
        let called = collect(engine.submit(request).await.expect("granted")).await;
        assert_eq!(called.reason, Some(FinishReason::ToolCalls), "{called:?}");
        let call = &called.calls[0];
        let arguments = serde_json::from_str(&call.arguments).expect("JSON");
        assert!(call.name == tool.name && fits(&call.name, &arguments), "{called:?}");
        // Arguments are streamed: the weather's have several tokens.
        assert!(tool.name != "weather" || called.deltas > 1, "{called:?}");
    }
}

pub(super) async fn results_are_part_of_the_conversation(factory: Factory<'_>) {
    let engine = factory(config(1, 2048));
    let mut about = request(1, ToolChoice::Auto);
    let called = request(2, ToolChoice::Named("weather".to_owned()));
    let called = collect(engine.submit(called).await.expect("granted")).await;
    let call = called.calls[0].clone();
    let mut messages = about.prompt.messages().to_vec();
    let tool_call_id = Some(call.id.clone());
    messages.push(Message { tool_calls: vec![call], ..Message::new(Role::Assistant, "") });
    messages.push(Message { tool_call_id, ..Message::new(Role::Tool, "21 degrees, sunny") });
    about.max_tokens = Some(harmonic_types::Tokens(12));
    let before = engine.count_tokens(about.clone()).await.expect("counted");
    about.prompt = Prompt::Chat { messages: messages.clone(), tools: tools() };
    let after = engine.count_tokens(about.clone()).await.expect("counted");
    assert!(after > before, "the call and its result are in the prompt");
    let shown = Request { prompt: Prompt::chat(messages), ..about.clone() };
    let shown = engine.count_tokens(shown).await.expect("counted");
    assert!(after > shown, "and so are the tools");
    let uncalled = Request { tool_choice: ToolChoice::None, ..about.clone() };
    let uncalled = engine.count_tokens(uncalled).await.expect("counted");
    assert_eq!(uncalled, shown, "but for those that are not to be called");
    let agent = about.agent.clone();
    let ended = collect(engine.submit(about).await.expect("granted")).await;
    assert!(ended.reason.is_some(), "{agent} answers: {ended:?}");
}

pub(super) async fn a_call_that_cannot_be_had_is_refused(factory: Factory<'_>) {
    let engine = factory(config(1, 2048));
    let refusal = async |change: &dyn Fn(&mut Request)| {
        let mut request = request(1, ToolChoice::Required);
        change(&mut request);
        match engine.submit(request).await.expect_err("refused") {
            Rejection::Invalid { message } => message,
            other => panic!("{other:?}"),
        }
    };
    let message = refusal(&|request| request.tool_choice = ToolChoice::Named("sing".into())).await;
    assert!(message.contains("`sing`") && message.contains("weather, light.switch"), "{message}");
    // Stop strings do not end a forced call.
    let mut stopped = request(4, ToolChoice::Named("light.switch".to_owned()));
    stopped.stop = vec!["\"".to_owned(), "tool_call".to_owned(), "o".to_owned()];
    let ended = collect(engine.submit(stopped).await.expect("a call")).await;
    let arguments = serde_json::from_str(&ended.calls[0].arguments).expect("JSON");
    assert!(fits("light.switch", &arguments), "{ended:?}");
    // A format does not apply to a forced call.
    let mut both = request(3, ToolChoice::Required);
    both.format = Some(Format::Regex("[0-9]{3}".to_owned()));
    both.max_tokens = Some(harmonic_types::Tokens(4));
    let ended = collect(engine.submit(both).await.expect("a call")).await;
    assert!(!ended.text.starts_with(|c: char| c.is_ascii_digit()), "{ended:?}");
    let message = refusal(&|request| request.prompt = super::prompt("hello")).await;
    assert!(message.contains("has none"), "{message}");
    let message = refusal(&|request| request.prompt = Prompt::Text("hello".to_owned())).await;
    assert!(message.contains("has none"), "{message}");
    let unsupported = |request: &mut Request| {
        let mut tools = tools();
        tools[1].parameters = json!({"type": "object", "not": {}}).to_string();
        request.prompt = Prompt::Chat { messages: request.prompt.messages().to_vec(), tools };
    };
    let message = refusal(&unsupported).await;
    assert!(message.contains("`light.switch`") && message.contains("\"not\""), "{message}");
    let mut free = request(2, ToolChoice::Auto);
    unsupported(&mut free);
    free.max_tokens = Some(harmonic_types::Tokens(4));
    let ended = collect(engine.submit(free).await.expect("a call that is free to be wrong")).await;
    assert!(ended.reason.is_some());
}

pub(super) async fn a_text_is_continued_as_it_stands(factory: Factory<'_>) {
    let engine = factory(config(1, 512));
    let mut request = ask(1, "first", "", 8);
    request.prompt = Prompt::Text("The capital of France is".to_owned());
    let counted = engine.count_tokens(request.clone()).await.expect("counted");
    let answer = answer(&engine, request).await;
    assert_eq!(answer.usage.prompt_tokens, counted.0);
    assert!(counted.0 < 30, "no template and no system prompt: {counted:?}");
    assert!(answer.usage.completion_tokens > 0);
}
