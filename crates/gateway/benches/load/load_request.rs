//! Request of the load, as HTTP body and as engine request.
//!
//! Invariants: no two requests have the same prompt, so the prefix cache has no hit; the same
//! client and turn always give the same request.

use bytes::Bytes;
use harmonic_types::{AgentName, Message, Request, RequestId, Role, Tokens};
use serde_json::json;

use crate::team::AGENT;

/// Lengths of answers in tokens: varied, so that slots are not released together.
const LENGTHS: std::ops::RangeInclusive<u32> = 50..=150;

/// One request.
#[derive(Clone, Copy, Debug)]
pub struct LoadRequest {
    /// Number of the client.
    pub client: u32,
    /// Number of the client's earlier requests.
    pub turn: u32,
    /// Exact length of the answer, in tokens.
    pub tokens: u32,
}

impl LoadRequest {
    /// Request `turn` of `client`.
    pub fn new(client: u32, turn: u32) -> Self {
        let mut draw = fastrand::Rng::with_seed(u64::from(client) << 32 | u64::from(turn));
        Self { client, turn, tokens: draw.u32(LENGTHS) }
    }

    fn text(self) -> String {
        format!("{}, {}: what comes next?", self.client, self.turn)
    }

    /// Body of a streamed chat completion.
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

    /// Request to the engine.
    pub fn request(self) -> Request {
        let id = RequestId(u64::from(self.client) << 32 | u64::from(self.turn));
        let messages = vec![Message::new(Role::User, self.text())];
        let mut request = Request::new(id, AgentName::from(AGENT), messages);
        request.max_tokens = Some(Tokens(self.tokens));
        request.ignore_eos = true;
        request
    }
}
