//! The `OpenAPI` document and the API page, compared with the routes.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::{fs, io};

use serde_json::{Value, json};

use crate::scripted_engine::{Script, ScriptedEngine, finished, within};
use crate::test_server::TestServer;

async fn document(server: &TestServer) -> Value {
    within(server.get("/openapi.json").await.json()).await.expect("JSON")
}

/// `METHOD path` of each operation.
fn operations(document: &Value) -> BTreeSet<String> {
    let paths = document["paths"].as_object().expect("paths");
    let methods = |(path, methods): (&String, &Value)| {
        let methods = methods.as_object().expect("methods").keys();
        methods.map(|method| format!("{} {path}", method.to_uppercase())).collect::<Vec<_>>()
    };
    paths.iter().flat_map(methods).collect()
}

/// Paths of the routes in the sources.
fn routes_in(directory: &Path) -> io::Result<BTreeSet<String>> {
    let mut paths = BTreeSet::new();
    for entry in fs::read_dir(directory)? {
        let path: PathBuf = entry?.path();
        if path.is_dir() {
            paths.extend(routes_in(&path)?);
            continue;
        }
        let source = fs::read_to_string(&path)?;
        for after in source.split(".route(").skip(1) {
            let literal = after.trim_start().strip_prefix('"').expect("a path is a literal");
            paths.insert(literal.split('"').next().unwrap_or_default().to_owned());
        }
    }
    Ok(paths)
}

#[tokio::test]
async fn every_route_has_an_operation_and_every_operation_a_route() {
    let server = TestServer::new(&ScriptedEngine::new(Script::Queue)).await;
    let document = document(&server).await;
    let documented: BTreeSet<String> =
        document["paths"].as_object().expect("paths").keys().cloned().collect();
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    assert_eq!(documented, routes_in(&sources).expect("readable sources"));

    for operation in operations(&document) {
        let (method, path) = operation.split_once(' ').expect("a method and a path");
        let url = format!(
            "{}{}",
            server.url,
            path.replace("{model}", "coder").replace("{digest}", "sha256:00")
        );
        let method = method.parse().expect("a method");
        let response = within(server.http.request(method, url).send()).await.expect("an answer");
        // A missing body is not an error of the path, and neither is the name of nothing.
        let status = response.status().as_u16();
        assert_ne!(status, 405, "{operation}");
        if status == 404 {
            let text = within(response.text()).await.expect("a body");
            assert!(text.contains("response_not_found"), "{operation}: {text}");
        }
    }
}

#[tokio::test]
async fn the_api_page_names_exactly_the_operations() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/api.md");
    let page = fs::read_to_string(page).expect("the page is there");
    let is_operation = |span: &&str| {
        ["GET /", "POST /", "DELETE /"].iter().any(|beginning| span.starts_with(beginning))
    };
    let named: BTreeSet<String> =
        page.split('`').skip(1).step_by(2).filter(is_operation).map(str::to_owned).collect();
    let server = TestServer::new(&ScriptedEngine::new(Script::Queue)).await;
    assert_eq!(named, operations(&document(&server).await));
}

#[tokio::test]
async fn schemas_have_the_agents_and_the_ranges() {
    let server = TestServer::new(&ScriptedEngine::new(Script::Queue)).await;
    let document = document(&server).await;
    let schemas = &document["components"]["schemas"];
    let chat = &schemas["OpenAiChatRequest"];
    assert_eq!(chat["properties"]["model"]["enum"], json!(["executive", "coder"]));
    assert_eq!(chat["required"], json!(["model", "messages"]));
    assert_eq!(chat["properties"]["temperature"]["maximum"], json!(2));
    assert_eq!(chat["properties"]["max_tokens"]["maximum"], json!(u32::MAX));
    assert_eq!(chat["properties"]["max_tokens"]["minimum"], json!(1));
    let text = document.to_string();
    for reference in text.split("\"$ref\":\"#/components/schemas/").skip(1) {
        let name = reference.split('"').next().unwrap_or_default();
        assert!(schemas.get(name).is_some(), "{name} is referred to and not there");
    }
}

/// Body with only the required fields of the schema of `path`.
fn minimal_body(document: &Value, path: &str) -> Value {
    let schema = &document["paths"][path]["post"]["requestBody"]["content"]["application/json"];
    let name = schema["schema"]["$ref"].as_str().and_then(|name| name.rsplit('/').next());
    let schema = &document["components"]["schemas"][name.expect("a named schema")];
    let required = schema["required"].as_array().cloned().unwrap_or_default();
    let value = |field: &str| match field {
        "model" => json!("coder"),
        "messages" => json!([{"role": "user", "content": "hi"}]),
        "max_tokens" => json!(1),
        _ => json!("hi"),
    };
    required.iter().filter_map(Value::as_str).map(|name| (name.to_owned(), value(name))).collect()
}

#[tokio::test]
async fn a_body_with_only_the_required_fields_is_accepted() {
    use harmonic_types::FinishReason::Stop;
    let server = TestServer::new(&ScriptedEngine::new(Script::Emit(vec![finished(Stop)]))).await;
    let document = document(&server).await;
    for path in [
        "/v1/chat/completions",
        "/v1/completions",
        "/v1/responses",
        "/v1/messages",
        "/v1/messages/count_tokens",
        "/api/chat",
        "/api/generate",
    ] {
        let response = server.post_to(path, minimal_body(&document, path).to_string()).await;
        assert_eq!(response.status(), 200, "{path}");
    }
}
