//! Tokens of a prompt, counted by the server where it can.

use harmonic_engine::EngineError;
use harmonic_types::{EngineKind, Prompt, Request, Tokens};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::engine::Shared;
use crate::estimate;

/// Response of llama-server's `/apply-template`.
#[derive(Deserialize)]
struct Rendered {
    prompt: String,
}

/// Response of llama-server's `/tokenize`.
#[derive(Deserialize)]
struct Tokenized {
    tokens: Vec<Value>,
}

impl Shared {
    /// Tokens of the prompt of `request`: counted by a llama-server, otherwise estimated.
    pub(crate) async fn count_tokens(&self, request: Request) -> Result<Tokens, EngineError> {
        self.check(&request)?;
        let (_, agent) = self.agent(&request.agent)?;
        if self.fields.kind != EngineKind::LlamaServer || !self.fields.capabilities.exact_counts {
            return Ok(Tokens(estimate::prompt_tokens(&agent.spec, &request)));
        }
        let failed = |error: harmonic_api::ClientError| EngineError::Setup {
            id: self.config.id.clone(),
            reason: format!("cannot count tokens: {error}"),
        };
        let text = match &request.prompt {
            Prompt::Text(text) => text.clone(),
            Prompt::Chat { .. } => {
                let body = self.body(agent, request).json;
                let rendered = self.client.exchange("apply-template", &body, "a rendered prompt");
                rendered.await.map(|Rendered { prompt }| prompt).map_err(failed)?
            }
        };
        let body = json!({"content": text, "add_special": true, "parse_special": true});
        let tokenized = self.client.exchange("tokenize", &body, "a list of tokens");
        let Tokenized { tokens } = tokenized.await.map_err(failed)?;
        Ok(Tokens(u32::try_from(tokens.len()).unwrap_or(u32::MAX)))
    }
}
