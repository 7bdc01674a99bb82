//! Dialects by path, and their error envelopes.

use bytes::BytesMut;
use serde_json::json;

use crate::json::write;
use crate::openai::{Envelope, ErrorBody};
use crate::wire_error::{ErrorClass, WireError};

/// API dialect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// OpenAI's, also used for this server's own paths.
    OpenAi,
    /// Ollama's.
    Ollama,
    /// Anthropic's.
    Anthropic,
}

impl Dialect {
    /// Dialect of `path`, whether or not there is a route.
    pub fn of_path(path: &str) -> Self {
        let below = |root: &str| {
            path.strip_prefix(root).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        if below("/api") || path == "/" {
            Self::Ollama
        } else if below("/v1/messages") {
            Self::Anthropic
        } else {
            Self::OpenAi
        }
    }

    /// Appends `error` in the dialect's envelope, as one line of JSON.
    pub fn write_error(self, error: &WireError<'_>, out: &mut BytesMut) {
        match self {
            Self::OpenAi => write(out, &openai(error)),
            Self::Ollama => write(out, &json!({ "error": error.message })),
            Self::Anthropic => {
                let error = json!({"type": anthropic(error.class), "message": error.message});
                write(out, &json!({"type": "error", "error": error}));
            }
        }
    }
}

fn openai<'a>(error: &'a WireError<'a>) -> Envelope<'a> {
    let kind = match error.class {
        ErrorClass::Invalid
        | ErrorClass::Unauthenticated
        | ErrorClass::Forbidden
        | ErrorClass::NotFound
        | ErrorClass::TooLarge => "invalid_request_error",
        ErrorClass::Limited => "rate_limit_error",
        ErrorClass::Unavailable | ErrorClass::Failed => "server_error",
    };
    Envelope {
        error: ErrorBody {
            message: error.message.as_ref().into(),
            kind: kind.into(),
            param: error.param.map(Into::into),
            code: Some(error.code.into()),
        },
    }
}

fn anthropic(class: ErrorClass) -> &'static str {
    match class {
        ErrorClass::Invalid => "invalid_request_error",
        ErrorClass::Unauthenticated => "authentication_error",
        ErrorClass::Forbidden => "permission_error",
        ErrorClass::NotFound => "not_found_error",
        ErrorClass::TooLarge => "request_too_large",
        ErrorClass::Limited => "rate_limit_error",
        ErrorClass::Unavailable => "overloaded_error",
        ErrorClass::Failed => "api_error",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_path_has_one_dialect() {
        for (path, dialect) in [
            ("/v1/chat/completions", Dialect::OpenAi),
            ("/v1/messages", Dialect::Anthropic),
            ("/v1/messages/count_tokens", Dialect::Anthropic),
            ("/v1/messagesque", Dialect::OpenAi),
            ("/api/chat", Dialect::Ollama),
            ("/api", Dialect::Ollama),
            ("/apiary", Dialect::OpenAi),
            ("/", Dialect::Ollama),
            ("/health", Dialect::OpenAi),
        ] {
            assert_eq!(Dialect::of_path(path), dialect, "{path}");
        }
    }

    #[test]
    fn an_error_in_each_envelope() {
        let error = WireError {
            class: ErrorClass::Limited,
            code: "queue_full",
            param: None,
            message: "come \"later\"".into(),
        };
        let mut out = BytesMut::new();
        for dialect in [Dialect::OpenAi, Dialect::Ollama, Dialect::Anthropic] {
            dialect.write_error(&error, &mut out);
            out.extend_from_slice(b"\n");
        }
        insta::assert_snapshot!(str::from_utf8(&out).expect("text"), @r#"
        {"error":{"message":"come \"later\"","type":"rate_limit_error","param":null,"code":"queue_full"}}
        {"error":"come \"later\""}
        {"type":"error","error":{"type":"rate_limit_error","message":"come \"later\""}}
        "#);
    }
}
