//! What is said of the routes, held against the routes.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::{fs, io};

use serde_json::{Value, json};

use crate::scripted::{Script, Scripted, finished, within};
use crate::served::Served;

async fn document(served: &Served) -> Value {
    within(served.get("/openapi.json").await.json()).await.expect("JSON")
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

/// The paths that the sources give to a router.
fn routed(directory: &Path) -> io::Result<BTreeSet<String>> {
    let mut paths = BTreeSet::new();
    for entry in fs::read_dir(directory)? {
        let path: PathBuf = entry?.path();
        if path.is_dir() {
            paths.extend(routed(&path)?);
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
    let served = Served::new(&Scripted::new(Script::Queue)).await;
    let document = document(&served).await;
    let documented: BTreeSet<String> =
        document["paths"].as_object().expect("paths").keys().cloned().collect();
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    assert_eq!(documented, routed(&sources).expect("readable sources"));

    for operation in operations(&document) {
        let (method, path) = operation.split_once(' ').expect("a method and a path");
        let url = format!(
            "{}{}",
            served.url,
            path.replace("{model}", "coder").replace("{digest}", "sha256:00")
        );
        let method = method.parse().expect("a method");
        let response = within(served.http.request(method, url).send()).await.expect("an answer");
        // A body that is not there is refused as a body, not as a path.
        assert!(![404, 405].contains(&response.status().as_u16()), "{operation}");
    }
}

#[tokio::test]
async fn the_page_of_the_api_names_every_operation_and_no_other() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/api.md");
    let page = fs::read_to_string(page).expect("the page is there");
    let is_operation = |span: &&str| {
        ["GET /", "POST /", "DELETE /"].iter().any(|beginning| span.starts_with(beginning))
    };
    let named: BTreeSet<String> =
        page.split('`').skip(1).step_by(2).filter(is_operation).map(str::to_owned).collect();
    let served = Served::new(&Scripted::new(Script::Queue)).await;
    assert_eq!(named, operations(&document(&served).await));
}

#[tokio::test]
async fn schemas_know_the_agents_and_the_ranges() {
    let served = Served::new(&Scripted::new(Script::Queue)).await;
    let document = document(&served).await;
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

/// A body that follows the document's schema of `path` as far as its required fields go.
fn least(document: &Value, path: &str) -> Value {
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
async fn what_the_schemas_require_is_enough() {
    use harmonic_types::FinishReason::Stop;
    let served = Served::new(&Scripted::new(Script::Say(vec![finished(Stop)]))).await;
    let document = document(&served).await;
    for path in [
        "/v1/chat/completions",
        "/v1/completions",
        "/v1/responses",
        "/v1/messages",
        "/v1/messages/count_tokens",
        "/api/chat",
        "/api/generate",
    ] {
        let response = served.post_to(path, least(&document, path).to_string()).await;
        assert_eq!(response.status(), 200, "{path}");
    }
}
