//! Parameters of the methods, and what a client sends in a message.

use serde::de::{DeserializeOwned, Error as _, IntoDeserializer};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

use super::TEXT;
use super::message::{Message, Part, Role};
use super::rpc::{RpcError, RpcErrorKind};
use super::task::TaskState;

/// Name in the metadata of a request that names a skill of the card.
pub const SKILL: &str = "skill";

/// Tasks in a page, unless the client says otherwise.
const PAGE: u32 = 50;
/// Tasks in a page, at most.
const MOST_IN_PAGE: u32 = 100;

/// Reads parameters.
///
/// # Errors
/// With the path of the field that has another type.
pub fn read<T: DeserializeOwned>(params: Value) -> Result<T, RpcError> {
    serde_path_to_error::deserialize(params).map_err(|error| {
        let path = error.path().to_string();
        let reason = error.inner().to_string();
        match path.as_str() {
            "." => RpcError::new(RpcErrorKind::InvalidParams, format!("invalid params: {reason}")),
            path => RpcError::param(path, &format!("has another form: {reason}")),
        }
    })
}

/// Parameters of `SendMessage` and `SendStreamingMessage`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct SendMessageParams {
    message: Message,
    #[serde(default)]
    configuration: Option<TextConfiguration>,
    #[serde(default)]
    metadata: Option<Map<String, Value>>,
}

/// How a message is answered.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct TextConfiguration {
    accepted_output_modes: Option<Vec<String>>,
    task_push_notification_config: Option<Value>,
    history_length: Option<u32>,
    return_immediately: Option<bool>,
}

/// A message that was sent, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SentMessage {
    /// The task that it is for, where the client names one.
    pub task: Option<String>,
    /// Its text.
    pub text: String,
    /// The skill that is wanted, where the client names one.
    pub skill: Option<String>,
    /// Whether the response comes before the end of the task.
    pub returns_immediately: bool,
    /// Whether the task's history is wanted.
    pub wants_history: bool,
}

impl SendMessageParams {
    /// What was sent.
    ///
    /// # Errors
    /// For what this agent neither reads nor writes, and what has another form.
    pub fn checked(self) -> Result<SentMessage, RpcError> {
        let Self { message, configuration, metadata } = self;
        let configuration = configuration.unwrap_or_default();
        if configuration.task_push_notification_config.is_some() {
            return Err(RpcError::new(
                RpcErrorKind::PushNotificationNotSupported,
                "push notifications are not supported: stream the task, or ask for it",
            ));
        }
        let accepted = configuration.accepted_output_modes.unwrap_or_default();
        if !accepted.is_empty() && !accepted.iter().any(|mode| is_text(mode)) {
            return Err(RpcError::new(
                RpcErrorKind::ContentTypeNotSupported,
                format!("`configuration.acceptedOutputModes` must have `{TEXT}`: answers are text"),
            ));
        }
        if message.role != Role::User {
            return Err(RpcError::param("message.role", "must be `ROLE_USER`"));
        }
        if message.message_id.is_empty() {
            return Err(RpcError::param("message.messageId", "must not be empty"));
        }
        let task = message.task_id.filter(|id| !id.is_empty());
        if task.is_none() && message.context_id.is_some_and(|id| !id.is_empty()) {
            return Err(RpcError::param(
                "message.contextId",
                "is not known: each task has a context of its own; leave it out, and send what the \
                 team must know",
            ));
        }
        Ok(SentMessage {
            task,
            text: text(message.parts)?,
            skill: skill(message.metadata, metadata)?,
            returns_immediately: configuration.return_immediately.unwrap_or(false),
            wants_history: configuration.history_length != Some(0),
        })
    }
}

/// Whether a media type, or a range of them, includes plain text.
fn is_text(mode: &str) -> bool {
    let range = mode.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    matches!(range.as_str(), "text/plain" | "text/*" | "*/*" | "text")
}

fn text(parts: Vec<Part>) -> Result<String, RpcError> {
    if parts.is_empty() {
        return Err(RpcError::param("message.parts", "must have at least one part"));
    }
    let mut texts = Vec::new();
    for (index, part) in parts.into_iter().enumerate() {
        let path = format!("message.parts[{index}]");
        let others = [("raw", part.raw.is_some()), ("url", part.url.is_some())];
        let others = others.into_iter().chain([("data", part.data.is_some())]);
        let other = others.into_iter().find_map(|(name, is_set)| is_set.then_some(name));
        match (part.text, other) {
            (Some(text), None) => texts.push(text),
            (_, Some(other)) => {
                return Err(RpcError::new(
                    RpcErrorKind::ContentTypeNotSupported,
                    format!("`{path}.{other}` is not supported: send it as `text`"),
                ));
            }
            (None, None) => return Err(RpcError::param(&path, "must have `text`")),
        }
    }
    Ok(texts.join("\n\n"))
}

/// The skill in the metadata of the message, or else of the request.
fn skill(
    message: Option<Map<String, Value>>,
    request: Option<Map<String, Value>>,
) -> Result<Option<String>, RpcError> {
    let named = [("message.metadata", message), ("metadata", request)];
    let named = named.into_iter().find_map(|(path, metadata)| {
        let value = metadata?.remove(SKILL).filter(|value| !value.is_null())?;
        Some((path, value))
    });
    match named {
        None => Ok(None),
        Some((_, Value::String(skill))) => Ok(Some(skill)),
        Some((path, _)) => {
            Err(RpcError::param(&format!("{path}.{SKILL}"), "must be the id of a skill"))
        }
    }
}

/// Parameters of methods that name a task.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TaskParams {
    /// Its id.
    pub id: String,
    #[serde(default)]
    history_length: Option<u32>,
}

impl TaskParams {
    /// Whether the task's history is wanted.
    pub fn wants_history(&self) -> bool {
        self.history_length != Some(0)
    }
}

/// Parameters of `ListTasks`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ListTasksParams {
    /// Only that of this context.
    pub context_id: Option<String>,
    /// Only those in this state.
    #[serde(deserialize_with = "state_of_the_protocol")]
    pub status: Option<TaskState>,
    page_size: Option<i64>,
    /// Only those after this one, from an earlier page.
    pub page_token: Option<String>,
    /// Whether their artifacts are wanted.
    pub include_artifacts: Option<bool>,
    status_timestamp_after: Option<Value>,
}

/// States that the protocol names.
const STATES: [&str; 9] = [
    "TASK_STATE_UNSPECIFIED",
    "TASK_STATE_SUBMITTED",
    "TASK_STATE_WORKING",
    "TASK_STATE_INPUT_REQUIRED",
    "TASK_STATE_AUTH_REQUIRED",
    "TASK_STATE_COMPLETED",
    "TASK_STATE_FAILED",
    "TASK_STATE_CANCELED",
    "TASK_STATE_REJECTED",
];

/// A state in a filter: one that is misspelt would be an empty page.
fn state_of_the_protocol<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<TaskState>, D::Error> {
    let Some(name) = Option::<String>::deserialize(deserializer)? else { return Ok(None) };
    if !STATES.contains(&name.as_str()) {
        return Err(D::Error::custom(format!("expected one of {}", STATES.join(", "))));
    }
    TaskState::deserialize(name.into_deserializer()).map(Some)
}

impl ListTasksParams {
    /// Tasks in the page.
    ///
    /// # Errors
    /// For a size out of range, and a filter that this agent does not have.
    pub fn checked(&self) -> Result<u32, RpcError> {
        if self.status_timestamp_after.is_some() {
            let reason = "is not supported: a task has no time of its last change";
            return Err(RpcError::param("statusTimestampAfter", reason));
        }
        match self.page_size {
            None => Ok(PAGE),
            Some(size) => u32::try_from(size)
                .ok()
                .filter(|size| (1..=MOST_IN_PAGE).contains(size))
                .ok_or_else(|| {
                    RpcError::param("pageSize", &format!("must be from 1 to {MOST_IN_PAGE}"))
                }),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_that_the_protocol_does_not_have_are_refused_with_their_fields() {
        let refused = |error: RpcError| serde_json::to_value(error).unwrap().to_string();
        for status in ["bogus", "", "working", "TASK_STATE_X"] {
            let error = read::<ListTasksParams>(json!({"status": status})).unwrap_err();
            assert!(refused(error).contains("`status`"), "{status}");
        }
        for length in [json!(-1), json!(1.5), json!("1")] {
            let params = json!({"id": "run", "historyLength": length});
            let error = read::<TaskParams>(params).unwrap_err();
            assert!(refused(error).contains("`historyLength`"), "{length}");
        }
        for status in STATES {
            let params = read::<ListTasksParams>(json!({"status": status})).unwrap();
            assert!(params.status.is_some(), "{status}");
        }
        assert_eq!(read::<ListTasksParams>(json!({"status": null})).unwrap().status, None);
    }
}
