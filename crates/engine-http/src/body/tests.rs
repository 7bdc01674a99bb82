use harmonic_engine::{Capabilities, Forms};
use harmonic_types::{
    AgentSpec, Effort, Format, Message, Rejection, RequestId, SystemTurn, Tier, Tokens, Tool,
    ToolCall,
};
use proptest::prelude::*;

use super::*;

fn agent() -> HttpAgent {
    HttpAgent {
        spec: AgentSpec {
            name: AgentName::from("coder"),
            tier: Tier::Specialists,
            model: "base".to_owned(),
            context: Tokens(2048),
            min_context: None,
            role: "codes".to_owned(),
            system: "You code.".to_owned(),
            sampling: Sampling { repeat_penalty: 1.1, ..Sampling::default() },
            thinking: false,
        },
        slots: 2,
        context: Tokens(2048),
        model: "on-the-server".to_owned(),
    }
}

fn fields(kind: EngineKind, dialect: RemoteDialect) -> ServerFields {
    let capabilities = Capabilities {
        logprobs: true,
        forms: Forms { json_object: true, json_schema: true, grammar: false, regex: false },
        tools: true,
        ignore_eos: true,
        own_system_turn: true,
        ..Capabilities::TEXT
    };
    ServerFields { kind, dialect, capabilities }
}

const SERVERS: [(EngineKind, RemoteDialect); 5] = [
    (EngineKind::LlamaServer, RemoteDialect::OpenAi),
    (EngineKind::Vllm, RemoteDialect::OpenAi),
    (EngineKind::Ollama, RemoteDialect::Ollama),
    (EngineKind::Remote, RemoteDialect::OpenAi),
    (EngineKind::Remote, RemoteDialect::Ollama),
];

fn request(messages: Vec<Message>) -> Request {
    Request::new(RequestId(1), AgentName::from("coder"), messages)
}

fn ask() -> Request {
    request(vec![Message::new(Role::User, "hi")])
}

fn body(server: (EngineKind, RemoteDialect), request: Request) -> Value {
    let fields = fields(server.0, server.1);
    fields.check(&request).expect("the server has the fields");
    Body::new(&fields, &agent(), true, request).json
}

fn refusal(server: (EngineKind, RemoteDialect), request: &Request) -> Option<String> {
    match fields(server.0, server.1).check(request) {
        Ok(()) => None,
        Err(Rejection::Invalid { message }) => Some(message),
        Err(other) => panic!("{other:?}"),
    }
}

#[test]
fn a_stream_with_counts_is_asked_for_under_the_servers_name() {
    for server in SERVERS {
        let body = body(server, ask());
        assert_eq!(body["model"], "on-the-server");
        assert_eq!(body["stream"], true);
        match server.1 {
            RemoteDialect::OpenAi => assert_eq!(body["stream_options"]["include_usage"], true),
            RemoteDialect::Ollama => {
                assert_eq!((&body["truncate"], &body["shift"]), (&json!(false), &json!(false)));
                assert!(body["options"].get("num_ctx").is_none(), "it would load the model again");
            }
        }
    }
}

#[test]
fn the_agents_sampling_is_sent_as_far_as_there_are_fields() {
    let [llama, vllm, ollama, remote, _] = SERVERS.map(|server| body(server, ask()));
    let penalty = json!(1.1f32);
    assert_eq!((&llama["top_k"], &llama["repeat_penalty"]), (&json!(40), &penalty));
    assert_eq!(vllm["repetition_penalty"], penalty);
    assert!(vllm.get("repeat_penalty").is_none());
    assert_eq!(ollama["options"]["repeat_penalty"], penalty);
    assert_eq!(remote["temperature"], json!(0.7f32));
    assert!(remote.get("top_k").is_none() && remote.get("min_p").is_none(), "{remote}");
}

#[test]
fn the_system_turn_is_one_message() {
    let messages = || {
        vec![
            Message::new(Role::System, "Be brief."),
            Message::new(Role::User, "hi"),
            Message::new(Role::System, "Be kind."),
        ]
    };
    for server in SERVERS {
        let sent = &body(server, request(messages()))["messages"];
        assert_eq!(sent[0]["role"], "system");
        assert_eq!(sent[0]["content"], "You code.\n\nBe brief.\n\nBe kind.");
        assert_eq!(sent.as_array().map(Vec::len), Some(2));
        let own = Request { system: SystemTurn::Request, ..request(messages()) };
        assert_eq!(body(server, own)["messages"][0]["content"], "Be brief.\n\nBe kind.");
        // A server whose model has the prompt leaves it out where a request has its own.
        let fields = fields(server.0, server.1);
        let sent = Body::new(&fields, &agent(), false, ask()).json;
        assert_eq!(sent["messages"][0]["role"], "user");
        let sent = Body::new(&fields, &agent(), false, request(messages())).json;
        assert_eq!(sent["messages"][0]["content"], "You code.\n\nBe brief.\n\nBe kind.");
    }
}

fn tool(name: &str) -> Tool {
    let parameters = "{\"type\":\"object\"}".to_owned();
    Tool { name: name.to_owned(), description: None, parameters }
}

fn with_tools(choice: ToolChoice) -> Request {
    let prompt = Prompt::Chat {
        messages: vec![Message::new(Role::User, "hi")],
        tools: vec![tool("look"), tool("go")],
    };
    Request { prompt, tool_choice: choice, ..ask() }
}

#[test]
fn a_choice_of_tools_is_honoured_or_refused() {
    for server in SERVERS {
        let is_ollama = server.1 == RemoteDialect::Ollama;
        let auto = body(server, with_tools(ToolChoice::Auto));
        assert_eq!(auto["tools"].as_array().map(Vec::len), Some(2));
        let none = body(server, with_tools(ToolChoice::None));
        assert!(none.get("tools").is_none() && none.get("tool_choice").is_none(), "{none}");
        let named = with_tools(ToolChoice::Named("look".to_owned()));
        if is_ollama {
            assert!(refusal(server, &named).is_some_and(|why| why.contains("`tool_choice`")));
        } else {
            assert_eq!(body(server, named)["tool_choice"]["function"]["name"], "look");
        }
        let strange = with_tools(ToolChoice::Named("sing".to_owned()));
        let why = refusal(server, &strange).expect("refused");
        assert!(why.contains("`sing`") && why.contains("look, go"), "{why}");
        let without = Request { tool_choice: ToolChoice::Required, ..ask() };
        assert!(refusal(server, &without).is_some_and(|why| why.contains("has none")));
    }
}

#[test]
fn results_of_tools_name_their_tool_to_ollama() {
    let call = ToolCall {
        id: "c1".to_owned(),
        name: "look".to_owned(),
        arguments: "{\"at\":1}".to_owned(),
    };
    let messages = vec![
        Message::new(Role::User, "hi"),
        Message { tool_calls: vec![call], ..Message::new(Role::Assistant, "") },
        Message { tool_call_id: Some("c1".to_owned()), ..Message::new(Role::Tool, "a wall") },
    ];
    let sent = body((EngineKind::Ollama, RemoteDialect::Ollama), request(messages));
    // After the system message.
    assert_eq!(sent["messages"][3]["tool_name"], "look");
    assert_eq!(sent["messages"][2]["tool_calls"][0]["function"]["arguments"]["at"], 1);
}

#[test]
fn a_form_goes_where_the_server_has_it() {
    let schema = Format::JsonSchema("{\"type\":\"object\"}".to_owned());
    for server in SERVERS {
        let request = Request { format: Some(schema.clone()), ..ask() };
        let sent = body(server, request);
        if server.1 == RemoteDialect::Ollama {
            assert_eq!(sent["format"]["type"], "object");
        } else {
            let named = &sent["response_format"]["json_schema"];
            assert_eq!(
                (&named["strict"], &named["schema"]["type"]),
                (&json!(true), &json!("object"))
            );
        }
        let grammar = Request { format: Some(Format::Grammar("start: \"a\"".to_owned())), ..ask() };
        assert!(refusal(server, &grammar).is_some_and(|why| why.contains("`grammar`")));
    }
}

#[test]
fn thinking_is_switched_where_there_is_a_switch() {
    let [llama, _, ollama, remote, _] = SERVERS;
    let think = |thinking, effort| Request { thinking, effort, ..ask() };
    let sent = body(llama, think(Some(true), Some(Effort::Low)));
    let arguments = &sent["chat_template_kwargs"];
    assert_eq!(arguments["enable_thinking"], true);
    assert_eq!(arguments["reasoning_effort"], "low");
    assert_eq!(body(ollama, think(Some(true), None))["think"], true);
    assert_eq!(body(ollama, think(None, None))["think"], false, "the agent's default");
    assert_eq!(body(remote, think(None, Some(Effort::High)))["reasoning_effort"], "high");
    assert_eq!(body(remote, think(Some(false), None))["reasoning_effort"], "none");
    assert!(body(remote, ask()).get("reasoning_effort").is_none());
    assert!(
        refusal(remote, &think(Some(true), None)).is_some_and(|why| why.contains("`thinking`"))
    );
}

type Change = fn(&mut Request);

/// A field that a request has; where it must be sent, by server.
const OPTIONAL: [(&str, Change, [bool; 5]); 8] = [
    ("top_k", |request| request.sampling.top_k = Some(3), [true, true, true, false, true]),
    ("min_p", |request| request.sampling.min_p = Some(0.1), [true, true, true, false, true]),
    (
        "repeat_penalty",
        |request| request.sampling.repeat_penalty = Some(1.2),
        [true, true, true, false, true],
    ),
    ("ignore_eos", |request| request.ignore_eos = true, [true, true, false, true, false]),
    (
        "logit_bias",
        |request| {
            request.logit_bias.insert(7, 1.0);
        },
        [true, true, false, true, false],
    ),
    ("logprobs", |request| request.top_logprobs = Some(2), [true; 5]),
    ("strict", |request| request.strict_tools = vec!["look".to_owned()], [false; 5]),
    ("image", with_image, [false; 5]),
];

fn with_image(request: &mut Request) {
    let media = harmonic_types::Media { media_type: None, base64: "AAAA".to_owned() };
    let image = harmonic_types::ContentPart::Image(media);
    request.prompt = Prompt::chat(vec![Message::of_parts(Role::User, [image])]);
}

#[test]
fn a_field_is_sent_or_refused_by_its_name() {
    for (field, change, has) in OPTIONAL {
        for (server, has) in SERVERS.into_iter().zip(has) {
            let mut request = ask();
            change(&mut request);
            match (refusal(server, &request), has) {
                (None, true) => {
                    let sent = body(server, request).to_string();
                    let name = if server.0 == EngineKind::Vllm && field == "repeat_penalty" {
                        "repetition_penalty"
                    } else {
                        field
                    };
                    assert!(sent.contains(&format!("\"{name}\":")), "{field}: {sent}");
                }
                (Some(why), false) => {
                    assert!(why.contains(&format!("`{field}`")) && why.contains("coder"), "{why}");
                }
                (why, _) => panic!("{field} of {server:?}: {why:?}"),
            }
        }
    }
}

#[test]
fn a_text_is_sent_as_it_stands() {
    for server in SERVERS {
        let request = Request { prompt: Prompt::Text("Once".to_owned()), ..ask() };
        let sent = Body::new(&fields(server.0, server.1), &agent(), true, request);
        let prompt = &sent.json["prompt"];
        assert!(*prompt == json!("Once") || *prompt == json!(["Once"]), "{prompt}");
        assert!(!sent.json.to_string().contains("You code."), "no template and no system prompt");
        match server.1 {
            RemoteDialect::OpenAi => assert_eq!(sent.request, StreamedRequest::Completion),
            RemoteDialect::Ollama => {
                assert_eq!(sent.request, StreamedRequest::OllamaGenerate);
                assert_eq!(sent.json["raw"], true);
            }
        }
    }
}

proptest! {
    #[test]
    fn a_seed_is_one_to_every_server(seed in any::<u64>(), small in 0u64..0x8000_0000) {
        prop_assert!(i32::try_from(positive(seed)).is_ok());
        prop_assert_eq!(positive(small), small);
    }
}
