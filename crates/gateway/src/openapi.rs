//! `GET /openapi.json`: what the server takes, as a document of the `OpenAPI` format.
//!
//! Invariants: the schemas of bodies are generated from the types that read them; the agents are
//! those of the registry; where a key is needed, it says so; each route of the router has an operation here (a test compares them).
//!
//! Does not do: the schemas of answers, which are the dialects' own.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use harmonic_api::Dialect;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use crate::access::OPEN;
use crate::respond::json as respond;
use crate::shared::Shared;

mod operations;

use operations::{Answer, OPERATIONS, Operation};

/// Answers with the document.
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
        for path in OPEN {
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
    let mut asking = Vec::new();
    for operation in OPERATIONS {
        let body = operation.body.map(|body| body(&mut generator).to_value());
        if operation.names_agent {
            asking.extend(body.as_ref().and_then(|body| name_of(body).map(str::to_owned)));
        }
        let path = paths.entry(operation.path).or_insert_with(|| json!({}));
        path[operation.method] = described(operation, body, agents);
    }
    let mut schemas = generator.take_definitions(true);
    for name in asking {
        schemas[&name]["properties"]["model"]["enum"] = json!(agents);
    }
    schemas.values_mut().for_each(bound);
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

/// The schema that a body refers to.
fn name_of(body: &Value) -> Option<&str> {
    body["$ref"].as_str()?.rsplit('/').next()
}

fn described(operation: &Operation, body: Option<Value>, agents: &[&str]) -> Value {
    let dialect = Dialect::of_path(operation.path);
    let json_of = |schema: Value| json!({"application/json": {"schema": schema}});
    let object = json!({"type": "object"});
    let answer = match operation.answer {
        Answer::Json => json_of(object),
        Answer::Streamed(media_type) => {
            let mut content = json_of(object);
            // Without a schema: it would be that of an event, and each dialect has many.
            content[media_type] = json!({});
            content
        }
        Answer::Metrics => {
            json!({"application/openmetrics-text": {"schema": {"type": "string"}}})
        }
        Answer::Events => json!({"text/event-stream": {"schema": {"type": "string"}}}),
        Answer::Text => json!({"text/plain": {"schema": {"type": "string"}}}),
    };
    let mut described = json!({
        "summary": operation.summary,
        "tags": [tag(dialect)],
        "responses": {
            "200": {"description": "The answer.", "content": answer},
            "default": {
                "description": "Why there is none.",
                "content": json_of(fault(dialect)),
            },
        },
    });
    if ["/health", "/ready"].contains(&operation.path) {
        // A report of an engine that cannot serve is an answer too.
        described["responses"]["503"] = described["responses"]["200"].clone();
    }
    if let Some(body) = body {
        described["requestBody"] = json!({"required": true, "content": json_of(body)});
    }
    let parameters = [
        ("model", json!({"type": "string", "enum": agents})),
        ("digest", json!({"type": "string", "pattern": "^sha256:[0-9a-f]{64}$"})),
    ];
    for (name, schema) in parameters {
        if operation.path.contains(&format!("{{{name}}}")) {
            described["parameters"] =
                json!([{"name": name, "in": "path", "required": true, "schema": schema}]);
        }
    }
    described
}

fn tag(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::OpenAi => "OpenAI",
        Dialect::Ollama => "Ollama",
        Dialect::Anthropic => "Anthropic",
    }
}

/// The dialect's envelope of errors.
fn fault(dialect: Dialect) -> Value {
    let text = json!({"type": "string"});
    let perhaps = json!({"type": ["string", "null"]});
    let object = |properties: Value| {
        let required: Vec<_> =
            properties.as_object().into_iter().flatten().map(|(name, _)| name.clone()).collect();
        json!({"type": "object", "properties": properties, "required": required})
    };
    match dialect {
        Dialect::OpenAi => {
            let error = json!({"message": text, "type": text, "param": perhaps, "code": perhaps});
            object(json!({"error": object(error)}))
        }
        Dialect::Ollama => object(json!({"error": text})),
        Dialect::Anthropic => {
            let error = object(json!({"type": text, "message": text}));
            object(json!({"type": {"const": "error"}, "error": error}))
        }
    }
}

/// Says of integers how large they may be, which generated schemas leave to `format`.
fn bound(schema: &mut Value) {
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
        Value::Array(items) => items.iter_mut().for_each(bound),
        Value::Object(fields) => fields.values_mut().for_each(bound),
        _ => {}
    }
}
