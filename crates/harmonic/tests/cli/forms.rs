//! Output formats that would exhaust the server, in every dialect: refused, without effect on other
//! clients.

use futures::future::join_all;
use serde_json::{Map, Value, json};

use crate::harness::{Server, User};

fn up(user: &User) -> Server {
    Server::start(&mut user.harmonic(["up", "--stack", "starter", "--engine", "sim"]))
}

/// Chain of objects through references.
fn chain(length: usize) -> Value {
    let link = |at: usize| {
        let next = json!({"$ref": format!("#/$defs/a{}", at + 1)});
        json!({"type": "object", "properties": {"x": next}, "required": ["x"]})
    };
    let mut definitions: Map<String, Value> =
        (0..length).map(|at| (format!("a{at}"), link(at))).collect();
    definitions.insert(format!("a{length}"), json!({"type": "string"}));
    json!({"$defs": definitions, "type": "object", "properties": {"x": {"$ref": "#/$defs/a0"}}})
}

/// Object with many properties.
fn wide(properties: usize) -> Value {
    let named: Map<String, Value> =
        (0..properties).map(|at| (format!("p{at}"), json!({"type": "boolean"}))).collect();
    let required: Vec<&String> = named.keys().collect();
    json!({"type": "object", "required": required, "properties": named,
        "additionalProperties": false})
}

/// Regular expressions that must all match, whose product grows during compilation.
fn costly() -> Value {
    let all = (0..90).map(|at| json!({"pattern": format!("^(.*a.{{{}}})*b{at}.*$", 20 + at)}));
    json!({"type": "string", "allOf": all.collect::<Vec<_>>()})
}

/// One body per way to request an answer under `schema`.
fn bodies(schema: &Value) -> Vec<(&'static str, Value)> {
    let messages = json!([{"role": "user", "content": "hi"}]);
    let chat = |field: &str, form: Value| {
        let mut body = json!({"model": "coder", "messages": messages, "max_tokens": 2});
        body[field] = form;
        ("/v1/chat/completions", body)
    };
    let tool = json!([{"type": "function", "function": {"name": "f", "parameters": schema}}]);
    let mut called = chat("tools", tool).1;
    called["tool_choice"] = json!("required");
    vec![
        chat("response_format", json!({"type": "json_schema", "json_schema": {"schema": schema}})),
        chat("response_format", json!({"type": "json_object", "schema": schema})),
        chat("guided_json", schema.clone()),
        ("/v1/chat/completions", called),
        (
            "/v1/responses",
            json!({"model": "coder", "input": "hi", "max_output_tokens": 2,
                "text": {"format": {"type": "json_schema", "name": "x", "schema": schema}}}),
        ),
        (
            "/api/chat",
            json!({"model": "coder", "messages": messages, "format": schema, "stream": false,
                "options": {"num_predict": 2}}),
        ),
        (
            "/v1/messages",
            json!({"model": "coder", "messages": messages, "max_tokens": 2,
                "output_config": {"format": {"type": "json_schema", "schema": schema}}}),
        ),
        (
            "/v1/messages",
            json!({"model": "coder", "messages": messages, "max_tokens": 2,
                "tools": [{"name": "f", "input_schema": schema}], "tool_choice": {"type": "any"}}),
        ),
    ]
}

fn client() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().build().expect("a client")
}

async fn ask(server: &Server, path: &str, body: &Value) -> (u16, String) {
    let url = format!("{}{path}", server.url);
    let request = client().post(url).header("content-type", "application/json");
    let response = request.body(body.to_string()).send().await.expect("the server answers");
    let status = response.status().as_u16();
    (status, response.text().await.expect("an answer"))
}

#[tokio::test]
async fn a_format_beyond_the_limits_is_a_400_that_names_the_limit_in_every_dialect() {
    let user = User::new();
    let server = up(&user);
    let grammar =
        (0..900).fold("start: r0\n".to_owned(), |lark, at| lark + &format!("r{at}: r{}\n", at + 1));
    let lark = json!({"model": "coder", "messages": [{"role": "user", "content": "hi"}],
        "structured_outputs": {"grammar": grammar + "r900: \"a\"\n"}});
    let (status, text) = ask(&server, "/v1/chat/completions", &lark).await;
    assert!(status == 400 && text.contains("902 rules, and at most 500"), "{status} {text}");
    for (schema, limit) in [
        (chain(1000), "at most 128 are allowed"),
        (wide(4750), "at most 1000 are allowed"),
        (
            json!({"type": "object", "required": ["x"], "properties": {"x": {"$ref": "#"}}}),
            "without end",
        ),
    ] {
        for (path, body) in bodies(&schema) {
            let (status, text) = ask(&server, path, &body).await;
            // Tools are part of the prompt, which has no room for large ones.
            let shown = body.get("tools").is_some() && text.contains("the prompt has at least");
            assert!(status == 400 && (text.contains(limit) || shown), "{path}: {status} {text}");
        }
    }
    // Large, but within the limits: compiled in a subprocess, and enforced.
    let forms = bodies(&wide(300)).into_iter().filter(|(_, body)| body.get("tools").is_none());
    for (path, body) in forms {
        let (status, text) = ask(&server, path, &body).await;
        assert_eq!(status, 200, "{path}: {text}");
    }
}

#[tokio::test]
async fn an_expensive_format_delays_no_other_request() {
    let user = User::new();
    let server = up(&user);
    let costly = bodies(&costly());
    let formed =
        bodies(&json!({"type": "object", "properties": {}, "additionalProperties": false}));
    let refused = join_all(costly.iter().map(|(path, body)| ask(&server, path, body)));
    // Other clients are served while the expensive formats are compiled one by one.
    let others = async {
        for (path, body) in &formed {
            let (status, text) = ask(&server, path, body).await;
            assert_eq!(status, 200, "{path}: {text}");
            let health = client().get(format!("{}/health", server.url)).send().await;
            assert!(health.expect("the server lives").status().is_success());
        }
    };
    let (refused, ()) = futures::join!(refused, others);
    for (status, text) in refused {
        assert_eq!(status, 400, "{text}");
    }
}
