//! Calls of the tools that a client's own process offers to a run: what the client reads, and what it
//! answers.

use harmonic_types::{ToolEffects, ToolOutput};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::validation_error::ValidationError;

/// Longest reason of a call without a result, in bytes.
const MAX_REASON: usize = 4 << 10;

/// Event of `GET /runs/{id}/tool-calls`. `end` follows the last one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum ToolCallEvent {
    /// First: the tools that the run expects of its client.
    Tools {
        /// Their names.
        names: Vec<String>,
    },
    /// A call, which no other connection gets.
    Call(ToolCallOrder),
    /// A call whose result nobody waits for any more.
    Cancelled {
        /// Its id.
        call: String,
    },
    /// Another connection gets the calls from now on. The last event.
    Replaced,
}

impl ToolCallEvent {
    /// Name of the event on the wire.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Tools { .. } => "tools",
            Self::Call(_) => "call",
            Self::Cancelled { .. } => "cancelled",
            Self::Replaced => "replaced",
        }
    }
}

/// A call that a client is to make.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToolCallOrder {
    /// Id, in the path of the answer.
    pub call: String,
    /// The tool.
    pub tool: String,
    /// Its arguments, a JSON object as text, checked against the tool's schema.
    pub arguments: String,
    /// Time until the call is given up, in milliseconds.
    pub time_ms: u64,
    /// Bytes of the result's text, at most.
    pub max_bytes: u64,
}

/// Body of `POST /runs/{id}/tool-calls/{call}`: exactly one of `text`, `refused` and `unknown`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AnswerToolCall {
    /// What the tool says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Whether the tool states that it failed; with `text`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_error: bool,
    /// Bytes that were cut off, to keep to the call's bound; with `text`.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub bytes_cut: u64,
    /// Why the call was not made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
    /// Why nobody knows what the call did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unknown: Option<String>,
}

/// What has come of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ToolCallOutcome {
    /// Its result.
    Returned(ToolOutput),
    /// It was not made, and why.
    Refused(String),
    /// Nobody knows what it did, and why.
    Unknown(String),
}

impl AnswerToolCall {
    /// What has come of the call.
    ///
    /// # Errors
    /// When it says none or several of them, or a reason is too long.
    pub fn checked(self) -> Result<ToolCallOutcome, ValidationError> {
        let Self { text, is_error, bytes_cut, refused, unknown } = self;
        let reason = |field: &str, reason: String| {
            if reason.len() <= MAX_REASON {
                return Ok(reason);
            }
            let problem = format!("has {} bytes, but may have at most {MAX_REASON}", reason.len());
            Err(ValidationError::value(field, problem))
        };
        match (text, refused, unknown) {
            (Some(text), None, None) => {
                Ok(ToolCallOutcome::Returned(ToolOutput { text, is_error, bytes_cut }))
            }
            (None, _, _) if is_error || bytes_cut > 0 => {
                let field = if is_error { "is_error" } else { "bytes_cut" };
                Err(ValidationError::value(field, "belongs to a `text`, which is missing"))
            }
            (None, Some(refused), None) => {
                Ok(ToolCallOutcome::Refused(reason("refused", refused)?))
            }
            (None, None, Some(unknown)) => {
                Ok(ToolCallOutcome::Unknown(reason("unknown", unknown)?))
            }
            _ => Err(ValidationError::value(
                "text",
                "must be there, or else `refused` or `unknown`: exactly one of them",
            )),
        }
    }
}

impl From<ToolCallOutcome> for AnswerToolCall {
    fn from(outcome: ToolCallOutcome) -> Self {
        let short = |mut reason: String| {
            reason.truncate(reason.floor_char_boundary(MAX_REASON));
            Some(reason)
        };
        match outcome {
            ToolCallOutcome::Returned(ToolOutput { text, is_error, bytes_cut }) => {
                Self { text: Some(text), is_error, bytes_cut, ..Self::default() }
            }
            ToolCallOutcome::Refused(reason) => Self { refused: short(reason), ..Self::default() },
            ToolCallOutcome::Unknown(reason) => Self { unknown: short(reason), ..Self::default() },
        }
    }
}

/// Body of `GET /runs/{id}/tools`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunToolList {
    /// [`RunToolList::SCHEMA`].
    pub schema: String,
    /// The tools of the run.
    pub tools: Vec<RunTool>,
    /// Whether a process offers the client's tools now; `None` where the run has none of a client.
    pub client_connected: Option<bool>,
}

impl RunToolList {
    /// Schema of this version.
    pub const SCHEMA: &str = "harmonic.run-tools/1";

    /// List of `tools`.
    pub fn new(tools: Vec<RunTool>, client_connected: Option<bool>) -> Self {
        Self { schema: Self::SCHEMA.to_owned(), tools, client_connected }
    }

    /// Names of the tools that the client offers.
    pub fn of_client(&self) -> impl Iterator<Item = &str> {
        let own = self.tools.iter().filter(|tool| tool.offered_by == ToolOfferer::Client);
        own.map(|tool| tool.name.as_str())
    }
}

/// A tool of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunTool {
    /// Name.
    pub name: String,
    /// Purpose.
    pub description: String,
    /// What a call may do.
    pub effects: ToolEffects,
    /// Where it is called.
    pub offered_by: ToolOfferer,
}

/// Where a tool is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ToolOfferer {
    /// In the server, or by it.
    Server,
    /// In a client's own process.
    Client,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the form that serde asks for")]
fn is_zero(count: &u64) -> bool {
    *count == 0
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn checked(body: Value) -> Result<ToolCallOutcome, ValidationError> {
        serde_json::from_value::<AnswerToolCall>(body).unwrap().checked()
    }

    #[test]
    fn an_answer_says_exactly_one_thing() {
        let output = ToolOutput { text: String::new(), is_error: true, bytes_cut: 3 };
        let text = json!({"text": "", "is_error": true, "bytes_cut": 3});
        assert_eq!(checked(text).unwrap(), ToolCallOutcome::Returned(output));
        let refused = checked(json!({"refused": "no"})).unwrap();
        assert_eq!(refused, ToolCallOutcome::Refused("no".to_owned()));
        for body in [
            json!({}),
            json!({"text": "a", "refused": "b"}),
            json!({"refused": "a", "unknown": "b"}),
            json!({"refused": "a", "is_error": true}),
            json!({"unknown": "a", "bytes_cut": 1}),
            json!({"unknown": "a".repeat(MAX_REASON + 1)}),
        ] {
            checked(body.clone()).expect_err(&body.to_string());
        }
        assert!(serde_json::from_value::<AnswerToolCall>(json!({"texts": "a"})).is_err());
    }

    #[test]
    fn what_a_client_sends_is_what_a_server_reads() {
        for outcome in [
            ToolCallOutcome::Returned(ToolOutput {
                text: "a".to_owned(),
                is_error: false,
                bytes_cut: 0,
            }),
            ToolCallOutcome::Refused("no".to_owned()),
            ToolCallOutcome::Unknown("lost".to_owned()),
        ] {
            assert_eq!(AnswerToolCall::from(outcome.clone()).checked().unwrap(), outcome);
        }
        let long = ToolCallOutcome::Unknown("ü".repeat(MAX_REASON));
        assert!(AnswerToolCall::from(long).checked().is_ok());
    }
}
