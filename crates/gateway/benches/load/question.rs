//! What is asked: the same over HTTP and of the engine itself.
//!
//! Invariants: no question is asked twice, so no cache answers; the same number is always the same
//! question.

use bytes::Bytes;
use harmonic_types::{AgentName, Message, Request, RequestId, Role, Tokens};
use serde_json::json;

use crate::team::AGENT;

/// Tokens of an answer: different, so that the slots do not fall free together.
const LENGTHS: std::ops::RangeInclusive<u32> = 50..=150;

/// One question.
#[derive(Clone, Copy, Debug)]
pub struct Question {
    /// Who asks.
    pub client: u32,
    /// How many the client has asked before.
    pub turn: u32,
    /// Tokens of the answer, exactly.
    pub tokens: u32,
}

impl Question {
    /// Question `turn` of `client`.
    pub fn new(client: u32, turn: u32) -> Self {
        let mut draw = fastrand::Rng::with_seed(u64::from(client) << 32 | u64::from(turn));
        Self { client, turn, tokens: draw.u32(LENGTHS) }
    }

    fn text(self) -> String {
        format!("{}, {}: what comes next?", self.client, self.turn)
    }

    /// As the body of a streamed chat completion.
    pub fn body(self) -> Bytes {
        let body = json!({
            "model": AGENT,
            "messages": [{"role": "user", "content": self.text()}],
            "max_tokens": self.tokens,
            "ignore_eos": true,
            "stream": true,
            "stream_options": {"include_usage": true},
        });
        body.to_string().into()
    }

    /// As the engine gets it.
    pub fn request(self) -> Request {
        let id = RequestId(u64::from(self.client) << 32 | u64::from(self.turn));
        let messages = vec![Message::new(Role::User, self.text())];
        let mut request = Request::new(id, AgentName::from(AGENT), messages);
        request.max_tokens = Some(Tokens(self.tokens));
        request.ignore_eos = true;
        request
    }
}
