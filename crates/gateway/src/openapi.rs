//! `GET /openapi.json`: description of the API in the `OpenAPI` format.
//!
//! Invariants: the schemas of bodies are generated from the types that parse them; the agents are
//! those of the registry; a needed key is declared; each route of the router has an operation (a
//! test compares them).
//!
//! Does not do: schemas of answers, which the dialects define.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use harmonic_api::{Dialect, sse};
use harmonic_types::RunToken;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use crate::access::KEYLESS_PATHS;
use crate::respond::json as respond;
use crate::shared::Shared;

mod operations;

use operations::{Answer, OPERATIONS, Operation};

/// Returns the document.
pub(crate) async fn openapi(State(shared): State<Arc<Shared>>) -> Response {
    let models = shared.models();
    let agents: Vec<&str> = models.agents().iter().map(|agent| agent.name.0.as_str()).collect();
    let mut document = document(&agents);
    if shared.access.keys.is_some() {
        document["components"]["securitySchemes"] = json!({
            "bearer": {"type": "http", "scheme": "bearer"},
            "x-api-key": {"type": "apiKey", "in": "header", "name": "x-api-key"},
        });
        document["security"] = json!([{"bearer": []}, {"x-api-key": []}]);
        for path in KEYLESS_PATHS {
            document["paths"][path]["get"]["security"] = json!([]);
        }
    }
    respond(StatusCode::OK, &document)
}

fn document(agents: &[&str]) -> Value {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.definitions_path = "/components/schemas".into();
    });
    let mut generator = settings.into_generator();
    let mut paths = Map::new();
    let mut agent_schemas = Vec::new();
    for operation in OPERATIONS {
        let body = operation.body.map(|body| body(&mut generator).to_value());
        if operation.names_agent {
            agent_schemas
                .extend(body.as_ref().and_then(|body| schema_name(body).map(str::to_owned)));
        }
        let path = paths.entry(operation.path).or_insert_with(|| json!({}));
        path[operation.method] = operation_object(operation, body, agents);
    }
    let mut schemas = generator.take_definitions(true);
    for name in agent_schemas {
        schemas[&name]["properties"]["model"]["enum"] = json!(agents);
    }
    schemas.values_mut().for_each(add_bounds);
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Harmonic Stack",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "A team of local agents behind one endpoint: each agent is a model.",
        },
        "paths": paths,
        "components": {"schemas": schemas},
    })
}

/// Name of the schema that a body refers to.
fn schema_name(body: &Value) -> Option<&str> {
    body["$ref"].as_str()?.rsplit('/').next()
}

fn operation_object(operation: &Operation, body: Option<Value>, agents: &[&str]) -> Value {
    let dialect = Dialect::of_path(operation.path);
    let json_of = |schema: Value| json!({"application/json": {"schema": schema}});
    let object = json!({"type": "object"});
    let answer = match operation.answer {
        Answer::Json => json_of(object),
        Answer::Streamed(media_type) => {
            let mut content = json_of(object);
            // Without a schema: the events of a stream have many.
            content[media_type] = json!({});
            content
        }
        Answer::Metrics => {
            json!({"application/openmetrics-text": {"schema": {"type": "string"}}})
        }
        Answer::Text => json!({"text/plain": {"schema": {"type": "string"}}}),
        Answer::Nothing => json!({}),
        // As above; `docs/api.md` describes the events.
        Answer::Events => json!({sse::MEDIA_TYPE: {}}),
        Answer::Described => {
            let mut content = json_of(object);
            for media_type in ["text/plain", "text/html"] {
                content[media_type] = json!({"schema": {"type": "string"}});
            }
            content
        }
    };
    let tag = match operation.path {
        path if path.starts_with("/runs") => "Runs",
        "/a2a" | "/.well-known/agent-card.json" => "A2A",
        _ => tag(dialect),
    };
    let mut description = json!({
        "summary": operation.summary,
        "tags": [tag],
        "responses": {
            "default": {
                "description": "The error.",
                "content": json_of(error_schema(dialect)),
            },
        },
    });
    let status = match operation {
        Operation { answer: Answer::Nothing, .. } => "204",
        Operation { method: "post", path: "/runs", .. } => "201",
        _ => "200",
    };
    description["responses"][status] = json!({"description": "The answer.", "content": answer});
    if ["/health", "/ready"].contains(&operation.path) {
        // The report has the same form when an engine is not ready.
        description["responses"]["503"] = description["responses"]["200"].clone();
    }
    if let Some(body) = body {
        description["requestBody"] = json!({"required": true, "content": json_of(body)});
    }
    let parameters = [
        ("model", json!({"type": "string", "enum": agents})),
        ("digest", json!({"type": "string", "pattern": "^sha256:[0-9a-f]{64}$"})),
        ("id", json!({"type": "string", "pattern": id_pattern(operation.path)})),
        ("n", json!({"type": "integer", "minimum": 0})),
        ("call", json!({"type": "string", "maxLength": 64})),
        ("task", json!({"type": "integer", "minimum": 0})),
    ];
    let in_path = parameters
        .into_iter()
        .filter(|(name, _)| operation.path.contains(&format!("{{{name}}}")))
        .map(|(name, schema)| json!({"name": name, "in": "path", "required": true, "schema": schema}));
    let process = json!({"name": "process", "in": "query",
        "schema": {"type": "string", "pattern": "^[A-Za-z0-9_-]{1,64}$"}});
    let token = json!({"name": RunToken::OFFERED_HEADER, "in": "header",
        "schema": {"type": "string", "pattern": "^hrt_[0-9a-f]{64}$"}});
    let is_listener = operation.path.ends_with("/tool-calls");
    let listens = is_listener.then_some([process, token]).into_iter().flatten();
    let in_query = RESPONSE_QUERY
        .iter()
        .filter(|_| (operation.method, operation.path) == ("get", "/v1/responses/{id}"));
    let in_query =
        in_query.map(|(name, kind)| json!({"name": name, "in": "query", "schema": {"type": kind}}));
    let parameters: Vec<Value> = in_path.chain(listens).chain(in_query).collect();
    if !parameters.is_empty() {
        description["parameters"] = json!(parameters);
    }
    description
}

/// Parameters in the query of a response that is read, with their types.
const RESPONSE_QUERY: [(&str, &str); 2] = [("stream", "boolean"), ("starting_after", "integer")];

/// Form of the ids in `path`.
fn id_pattern(path: &str) -> &'static str {
    if path.starts_with("/runs") { "^run_[0-9A-Za-z]{26}$" } else { "^resp_[0-9a-zA-Z-]+$" }
}

fn tag(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::OpenAi => "OpenAI",
        Dialect::Ollama => "Ollama",
        Dialect::Anthropic => "Anthropic",
    }
}

/// Schema of the dialect's errors.
fn error_schema(dialect: Dialect) -> Value {
    let text = json!({"type": "string"});
    let nullable = json!({"type": ["string", "null"]});
    let object = |properties: Value| {
        let required: Vec<_> =
            properties.as_object().into_iter().flatten().map(|(name, _)| name.clone()).collect();
        json!({"type": "object", "properties": properties, "required": required})
    };
    match dialect {
        Dialect::OpenAi => {
            let error = json!({"message": text, "type": text, "param": nullable, "code": nullable});
            object(json!({"error": object(error)}))
        }
        Dialect::Ollama => object(json!({"error": text})),
        Dialect::Anthropic => {
            let error = object(json!({"type": text, "message": text}));
            object(json!({"type": {"const": "error"}, "error": error}))
        }
    }
}

/// Adds the bounds of integers, which generated schemas only imply by `format`.
fn add_bounds(schema: &mut Value) {
    let limits = match schema["format"].as_str() {
        Some("uint32") => Some((json!(0), json!(u32::MAX))),
        Some("int64") => Some((json!(i64::MIN), json!(i64::MAX))),
        Some("uint64") => Some((json!(0), json!(u64::MAX))),
        _ => None,
    };
    if let (Some((least, most)), Some(schema)) = (limits, schema.as_object_mut()) {
        schema.entry("minimum").or_insert(least);
        schema.entry("maximum").or_insert(most);
    }
    match schema {
        Value::Array(items) => items.iter_mut().for_each(add_bounds),
        Value::Object(fields) => fields.values_mut().for_each(add_bounds),
        _ => {}
    }
}
