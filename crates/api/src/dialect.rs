//! Which dialect a path speaks, and how each says that something went wrong.

use bytes::{BufMut, BytesMut};
use serde_json::json;

use crate::fault::{Fault, FaultClass};
use crate::openai::{Envelope, ErrorBody};

/// A way of speaking.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// OpenAI's, and that of paths which are this server's own.
    OpenAi,
    /// Ollama's.
    Ollama,
    /// Anthropic's.
    Anthropic,
}

impl Dialect {
    /// The dialect of `path`, whether there is a route or not.
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

    /// Appends `fault` in the dialect's envelope, as one line of JSON.
    pub fn write_fault(self, fault: &Fault<'_>, out: &mut BytesMut) {
        let written = match self {
            Self::OpenAi => serde_json::to_writer(out.writer(), &openai(fault)),
            Self::Ollama => serde_json::to_writer(out.writer(), &json!({ "error": fault.message })),
            Self::Anthropic => {
                let error = json!({"type": anthropic(fault.class), "message": fault.message});
                serde_json::to_writer(out.writer(), &json!({"type": "error", "error": error}))
            }
        };
        written.expect("strings are JSON, and memory takes what is written");
    }
}

fn openai<'a>(fault: &'a Fault<'a>) -> Envelope<'a> {
    let kind = match fault.class {
        FaultClass::Invalid
        | FaultClass::Unauthenticated
        | FaultClass::Forbidden
        | FaultClass::NotFound
        | FaultClass::TooLarge => "invalid_request_error",
        FaultClass::Limited => "rate_limit_error",
        FaultClass::Unavailable | FaultClass::Failed => "server_error",
    };
    Envelope {
        error: ErrorBody {
            message: fault.message.as_ref().into(),
            kind: kind.into(),
            param: fault.param.map(Into::into),
            code: Some(fault.code.into()),
        },
    }
}

fn anthropic(class: FaultClass) -> &'static str {
    match class {
        FaultClass::Invalid => "invalid_request_error",
        FaultClass::Unauthenticated => "authentication_error",
        FaultClass::Forbidden => "permission_error",
        FaultClass::NotFound => "not_found_error",
        FaultClass::TooLarge => "request_too_large",
        FaultClass::Limited => "rate_limit_error",
        FaultClass::Unavailable => "overloaded_error",
        FaultClass::Failed => "api_error",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_speaks_one_dialect() {
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
    fn a_fault_in_each_envelope() {
        let fault = Fault {
            class: FaultClass::Limited,
            code: "queue_full",
            param: None,
            message: "come \"later\"".into(),
        };
        let mut out = BytesMut::new();
        for dialect in [Dialect::OpenAi, Dialect::Ollama, Dialect::Anthropic] {
            dialect.write_fault(&fault, &mut out);
            out.put_u8(b'\n');
        }
        insta::assert_snapshot!(str::from_utf8(&out).expect("text"), @r#"
        {"error":{"message":"come \"later\"","type":"rate_limit_error","param":null,"code":"queue_full"}}
        {"error":"come \"later\""}
        {"type":"error","error":{"type":"rate_limit_error","message":"come \"later\""}}
        "#);
    }
}
