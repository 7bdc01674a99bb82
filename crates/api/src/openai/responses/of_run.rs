//! A run of the team as a response: its id, its state, its answer.
//!
//! Invariants: the id of one is that of the other with another prefix; what was asked with the
//! response (metadata, limits) is not part of a run, and is empty in a response that is made of one.

use harmonic_types::{RunId, RunRecord, RunState, Usage};
use serde_json::Map;

use super::item::{Item, ItemPart, Status};
use super::parse::any_text;
use super::request::ReasoningBody;
use super::response::{Incomplete, Response, ResponseError, ResponseUsage};
use crate::untagged::StringOrObject;

/// Beginning of the ids of responses.
const PREFIX: &str = "resp_";
/// Beginning of the ids of runs.
const RUN_PREFIX: &str = "run_";

/// Id of the response that `run` is.
pub fn response_id(run: &RunId) -> String {
    format!("{PREFIX}{}", run.0.trim_start_matches(RUN_PREFIX))
}

/// The run that the response `id` is; `None` where it has the form of no run.
pub fn run_of(id: &str) -> Option<RunId> {
    RunId::parse(&format!("{RUN_PREFIX}{}", id.strip_prefix(PREFIX)?))
}

/// Status of the response that is a run in `state`.
pub(super) fn run_status(state: &RunState) -> Status {
    match state {
        RunState::Running | RunState::WaitingForApproval => Status::InProgress,
        RunState::Stopped => Status::Cancelled,
        RunState::Done => Status::Completed,
        RunState::Partial { .. } => Status::Incomplete,
        RunState::Failed { .. } => Status::Failed,
    }
}

/// Answer of a run, which says where it is partial.
pub(super) fn run_answer(record: &RunRecord) -> Option<String> {
    let answer = record.answer.clone()?;
    Some(match &record.state {
        RunState::Partial { reason } => format!("{answer}\n\n(Partial: {reason})"),
        _ => answer,
    })
}

impl Response {
    /// The run `record` of the model `model` as a response.
    pub fn of_run(record: &RunRecord, model: &str) -> Self {
        let mut response = Self {
            id: response_id(&record.id),
            object: "response".to_owned(),
            created_at: record.started_ms / 1000,
            status: Status::InProgress,
            error: None,
            incomplete_details: None,
            instructions: None,
            max_output_tokens: None,
            model: model.to_owned(),
            output: Vec::new(),
            parallel_tool_calls: true,
            previous_response_id: None,
            reasoning: ReasoningBody::default(),
            store: true,
            background: true,
            temperature: None,
            text: any_text(),
            tool_choice: StringOrObject::String("auto".to_owned()),
            tools: Vec::new(),
            top_logprobs: None,
            top_p: None,
            truncation: "disabled".to_owned(),
            usage: None,
            metadata: Map::new(),
        };
        response.apply_record(record);
        response
    }

    /// Takes state, answer and costs of its run.
    pub fn apply_record(&mut self, record: &RunRecord) {
        self.status = run_status(&record.state);
        self.error = match &record.state {
            RunState::Failed { reason } => {
                Some(ResponseError { code: "server_error".to_owned(), message: reason.clone() })
            }
            _ => None,
        };
        self.incomplete_details = (self.status == Status::Incomplete)
            .then(|| Incomplete { reason: "max_output_tokens".to_owned() });
        self.output.retain(|item| matches!(item, Item::Reasoning { .. }));
        if let Some(text) = run_answer(record) {
            self.output.push(Item::Message {
                id: format!("msg_{}_{}", self.name(), self.output.len()),
                status: self.status,
                role: "assistant".to_owned(),
                content: vec![ItemPart::OutputText {
                    text,
                    annotations: Vec::new(),
                    logprobs: Vec::new(),
                }],
            });
        }
        let count = |count: u64| u32::try_from(count).unwrap_or(u32::MAX);
        let spent = &record.spent;
        let has_ended = !matches!(self.status, Status::Queued | Status::InProgress);
        self.usage = has_ended.then(|| {
            let usage = Usage {
                prompt_tokens: count(spent.prompt_tokens),
                completion_tokens: count(spent.output_tokens),
                cached_tokens: count(spent.cached_tokens),
            };
            ResponseUsage::new(usage, 0)
        });
    }

    /// Its id without the prefix.
    pub(super) fn name(&self) -> &str {
        self.id.strip_prefix(PREFIX).unwrap_or(&self.id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_id_of_a_response_is_that_of_its_run() {
        let run = RunId("run_01JABCDEFGHJKMNPQRSTVWXY00".to_owned());
        let id = response_id(&run);
        assert_eq!(id, "resp_01JABCDEFGHJKMNPQRSTVWXY00");
        assert_eq!(run_of(&id), Some(run));
        for other in ["resp_6a1b2c-12", "run_01JABCDEFGHJKMNPQRSTVWXY00", "resp_", "../etc", ""] {
            assert_eq!(run_of(other), None, "{other}");
        }
    }
}
