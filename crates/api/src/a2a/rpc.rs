//! JSON-RPC 2.0: requests, responses, errors.

use serde::{Serialize, Serializer};
use serde_json::{Map, Number, Value, json};

/// `jsonrpc`.
const VERSION: &str = "2.0";

/// Domain of the errors of the protocol.
const DOMAIN: &str = "a2a-protocol.org";

/// Id of a request, repeated in its responses.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum RpcId {
    /// That of a request that could not be read.
    #[default]
    None,
    /// Text.
    Text(String),
    /// Number.
    Number(Number),
}

/// A request.
#[derive(Clone, Debug, PartialEq)]
pub struct RpcRequest {
    /// Its id.
    pub id: RpcId,
    /// Its method.
    pub method: String,
    /// Its parameters; empty where absent.
    pub params: Value,
}

impl RpcRequest {
    /// Reads a body.
    ///
    /// # Errors
    /// With the id of the request, as far as it has one.
    pub fn read(body: &[u8]) -> Result<Self, RpcResponse> {
        let value = serde_json::from_slice(body).map_err(|error| {
            RpcError::new(RpcErrorKind::Parse, error.to_string()).of(RpcId::None)
        })?;
        let invalid = |id: &RpcId, message: &str| {
            RpcError::new(RpcErrorKind::InvalidRequest, message).of(id.clone())
        };
        let Value::Object(mut request) = value else {
            let expected = "expected one JSON-RPC request, an object; batches are not supported";
            return Err(invalid(&RpcId::None, expected));
        };
        let id = match request.remove("id") {
            Some(Value::String(text)) => RpcId::Text(text),
            Some(Value::Number(number)) => RpcId::Number(number),
            _ => return Err(invalid(&RpcId::None, "invalid `id`: expected a text or a number")),
        };
        if request.get("jsonrpc").and_then(Value::as_str) != Some(VERSION) {
            return Err(invalid(&id, "invalid `jsonrpc`: expected `2.0`"));
        }
        let Some(Value::String(method)) = request.remove("method") else {
            return Err(invalid(&id, "invalid `method`: expected the name of a method"));
        };
        let params = match request.remove("params") {
            None | Some(Value::Null) => Value::Object(Map::new()),
            Some(params @ Value::Object(_)) => params,
            Some(_) => {
                let error = RpcError::new(
                    RpcErrorKind::InvalidParams,
                    "invalid `params`: expected an object",
                );
                return Err(error.of(id));
            }
        };
        Ok(Self { id, method, params })
    }
}

/// A response.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RpcResponse {
    jsonrpc: &'static str,
    id: RpcId,
    #[serde(flatten)]
    outcome: Outcome,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Outcome {
    Result(Value),
    Error(RpcError),
}

impl RpcResponse {
    /// Response to the request `id` with `result`.
    ///
    /// # Panics
    /// If `result` is no JSON: the types of the protocol are strings, numbers, lists and structs.
    pub fn new(id: RpcId, result: &impl Serialize) -> Self {
        let result = serde_json::to_value(result).expect("wire types are JSON");
        Self { jsonrpc: VERSION, id, outcome: Outcome::Result(result) }
    }
}

/// An error.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct RpcError {
    kind: RpcErrorKind,
    message: String,
    /// The parameter that it is about.
    field: Option<String>,
}

impl Serialize for RpcError {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let info = self.kind.reason().map(|reason| {
            json!({
                "@type": "type.googleapis.com/google.rpc.ErrorInfo",
                "reason": reason,
                "domain": DOMAIN,
            })
        });
        let violation = self.field.as_ref().map(|field| {
            json!({
                "@type": "type.googleapis.com/google.rpc.BadRequest",
                "fieldViolations": [{"field": field, "description": self.message}],
            })
        });
        let data: Vec<Value> = info.into_iter().chain(violation).collect();
        let mut error = json!({"code": self.kind.code(), "message": self.message});
        if !data.is_empty() {
            error["data"] = Value::Array(data);
        }
        error.serialize(serializer)
    }
}

impl RpcError {
    /// An error of `kind`.
    pub fn new(kind: RpcErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), field: None }
    }

    /// A parameter of another form: `reason` says what is wrong with it and what is expected.
    pub fn param(field: &str, reason: &str) -> Self {
        let message = format!("`{field}` {reason}");
        let field = Some(field.to_owned());
        Self { kind: RpcErrorKind::InvalidParams, message, field }
    }

    /// Its kind.
    pub fn kind(&self) -> RpcErrorKind {
        self.kind
    }

    /// The response to the request `id`.
    pub fn of(self, id: RpcId) -> RpcResponse {
        RpcResponse { jsonrpc: VERSION, id, outcome: Outcome::Error(self) }
    }
}

/// Kind of an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RpcErrorKind {
    /// No JSON.
    Parse,
    /// No request.
    InvalidRequest,
    /// Unknown method.
    MethodNotFound,
    /// Invalid parameters.
    InvalidParams,
    /// Failure of the server.
    Internal,
    /// Unknown task, or one of somebody else.
    TaskNotFound,
    /// The task has ended.
    TaskNotCancelable,
    /// Push notifications.
    PushNotificationNotSupported,
    /// What this agent, or this task in its state, does not do.
    UnsupportedOperation,
    /// A media type that is not read or written.
    ContentTypeNotSupported,
    /// Another version of the protocol.
    VersionNotSupported,
}

impl RpcErrorKind {
    /// Its code.
    pub fn code(self) -> i32 {
        match self {
            Self::Parse => -32700,
            Self::InvalidRequest => -32600,
            Self::MethodNotFound => -32601,
            Self::InvalidParams => -32602,
            Self::Internal => -32603,
            Self::TaskNotFound => -32001,
            Self::TaskNotCancelable => -32002,
            Self::PushNotificationNotSupported => -32003,
            Self::UnsupportedOperation => -32004,
            Self::ContentTypeNotSupported => -32005,
            Self::VersionNotSupported => -32009,
        }
    }

    /// Its name in the protocol's details; `None` for those of JSON-RPC itself.
    fn reason(self) -> Option<&'static str> {
        match self {
            Self::Parse
            | Self::InvalidRequest
            | Self::MethodNotFound
            | Self::InvalidParams
            | Self::Internal => None,
            Self::TaskNotFound => Some("TASK_NOT_FOUND"),
            Self::TaskNotCancelable => Some("TASK_NOT_CANCELABLE"),
            Self::PushNotificationNotSupported => Some("PUSH_NOTIFICATION_NOT_SUPPORTED"),
            Self::UnsupportedOperation => Some("UNSUPPORTED_OPERATION"),
            Self::ContentTypeNotSupported => Some("CONTENT_TYPE_NOT_SUPPORTED"),
            Self::VersionNotSupported => Some("VERSION_NOT_SUPPORTED"),
        }
    }
}
