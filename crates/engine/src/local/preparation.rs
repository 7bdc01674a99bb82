//! Preparation of prompts on worker threads: checks, rendering, tokenisation.
//!
//! Invariants: a prompt that certainly does not fit is rejected before it is rendered, or at least
//! before it is tokenised; a prompt is dropped on the worker thread, since that may take long too.

use std::borrow::Cow;
use std::mem;
use std::sync::Arc;
use std::time::Duration;

use harmonic_types::{
    AgentName, AgentSpec, ContentPart, LargerContext, Prompt, Rejection, Request, SystemTurn,
    Tokens,
};

use super::Shared;
use super::config::ServedAgent;
use crate::chat::{Budget, Rendered};
use crate::workers::{CancelFlag, Full, Panicked};

/// Largest prompt that counts as small, in bytes: tokenising it takes about 50 ms.
pub(crate) const SMALL_BYTES: usize = 256 * 1024;
/// Limit on queued bytes of prompts, for small and for large ones each.
pub(crate) const WAITING_BYTES: usize = 64 * 1024 * 1024;
/// Retry delay while too many prompts are queued.
const BUSY_RETRY: Duration = Duration::from_secs(1);
/// Longest prompt whose tokens are counted, in contexts of its agent.
const COUNTED_CONTEXTS: u32 = 16;
/// Overhead of a message or a tool, in equivalent bytes of text.
const FRAME_BYTES: usize = 64;

impl Shared {
    /// Rejects a prompt that certainly does not fit, or has content other than text.
    pub(super) fn check(&self, request: &Request) -> Result<(), Rejection> {
        only_text(request)?;
        let ServedAgent { context, larger, .. } =
            &self.thread.config().agents[self.thread.agent(&request.agent)?];
        let context = *context;
        let least = self.bounds.of(&request.prompt, &request.tool_choice);
        if least >= context {
            let agent = request.agent.clone();
            let larger = Box::new(LargerContext::of(&agent, least, context, larger.as_deref()));
            return Err(Rejection::PromptBeyond { agent, least, context, larger });
        }
        Ok(())
    }

    /// Tokenises the prompt of `request`, which is returned without its messages.
    pub(super) async fn prepare(
        self: &Arc<Self>,
        mut request: Request,
    ) -> Result<(Request, Rendered), Rejection> {
        let (shared, agent) = (Arc::clone(self), request.agent.clone());
        self.work(agent, size(&request.prompt), move |cancelled| {
            shared.check(&request)?;
            let served = &shared.thread.config().agents[shared.thread.agent(&request.agent)?];
            let rendered = shared.render(&request, served.context, cancelled)?;
            if let Prompt::Chat { messages, .. } = &mut request.prompt {
                drop(mem::take(messages));
            }
            Ok((request, rendered))
        })
        .await
    }

    /// Counts the tokens of the prompt of `request`.
    pub(super) async fn count(self: &Arc<Self>, request: Request) -> Result<Tokens, Rejection> {
        let index = self.thread.agent(&request.agent)?;
        let shared = Arc::clone(self);
        self.work(request.agent.clone(), size(&request.prompt), move |cancelled| {
            only_text(&request)?;
            let served = &shared.thread.config().agents[index];
            // Counts beyond the context, up to a limit.
            let most = Tokens(served.context.0.saturating_mul(COUNTED_CONTEXTS));
            let beyond = |least: Tokens| Rejection::Invalid {
                message: format!(
                    "the prompt has at least {least} tokens, and for {} no more than {most} are \
                     counted, {COUNTED_CONTEXTS} times its context: shorten the prompt",
                    served.spec.name
                ),
            };
            let least = shared.bounds.of(&request.prompt, &request.tool_choice);
            if least > most {
                return Err(beyond(least));
            }
            // Rendering up to one token more shows whether the limit is exceeded.
            let given_up = Tokens(most.0.saturating_add(1));
            match shared.render(&request, given_up, cancelled) {
                Ok(rendered) => {
                    let count = u32::try_from(rendered.tokens.len()).unwrap_or(u32::MAX);
                    if count > most.0 { Err(beyond(Tokens(count))) } else { Ok(Tokens(count)) }
                }
                Err(Rejection::PromptBeyond { least, .. }) => Err(beyond(least)),
                Err(refused) => Err(refused),
            }
        })
        .await
    }

    /// Runs `work` for a prompt of about `bytes` to `agent` on a worker thread.
    async fn work<T: Send + 'static>(
        &self,
        agent: AgentName,
        bytes: usize,
        work: impl FnOnce(&CancelFlag) -> Result<T, Rejection> + Send + 'static,
    ) -> Result<T, Rejection> {
        let running = self.workers.run(bytes, work).map_err(|Full { jobs, .. }| {
            let queued = u32::try_from(jobs).unwrap_or(u32::MAX);
            Rejection::QueueFull { agent, queued, retry_after: BUSY_RETRY }
        })?;
        running.await.unwrap_or_else(|Panicked| {
            let message = "the prompt could not be prepared: this is a bug, please report it";
            Err(Rejection::Invalid { message: message.to_owned() })
        })
    }

    /// Renders the prompt of `request`, stopping if it certainly has `most` tokens or more.
    fn render(
        &self,
        request: &Request,
        most: Tokens,
        cancelled: &CancelFlag,
    ) -> Result<Rendered, Rejection> {
        let served = &self.thread.config().agents[self.thread.agent(&request.agent)?];
        let budget = Budget {
            tokens: Some(most),
            larger: served.larger.clone(),
            cancelled: cancelled.clone(),
        };
        let thinking = super::thinking(request);
        let spec = match request.system {
            SystemTurn::Agent => Cow::Borrowed(&served.spec),
            SystemTurn::Request => {
                Cow::Owned(AgentSpec { system: String::new(), ..served.spec.clone() })
            }
        };
        self.chat.render(&spec, &request.prompt, thinking, &request.tool_choice, &budget)
    }
}

/// Rejects images and audio, which rendering would ignore.
fn only_text(request: &Request) -> Result<(), Rejection> {
    let is_text = |part: &ContentPart| matches!(part, ContentPart::Text { .. });
    let mut parts = request.prompt.messages().iter().flat_map(|message| &message.content);
    if parts.all(is_text) {
        return Ok(());
    }
    let message = format!("the model of {} accepts text only", request.agent);
    Err(Rejection::Invalid { message })
}

/// Approximate work for `prompt`, in bytes.
fn size(prompt: &Prompt) -> usize {
    match prompt {
        Prompt::Text(text) => text.len(),
        Prompt::Chat { messages, tools } => {
            let said = messages.iter().map(|message| {
                let calls =
                    message.tool_calls.iter().map(|call| FRAME_BYTES + call.arguments.len());
                let reasoning = message.reasoning.as_ref().map_or(0, String::len);
                FRAME_BYTES + message.bytes() + reasoning + calls.sum::<usize>()
            });
            let shown = tools.iter().map(|tool| {
                let description = tool.description.as_ref().map_or(0, String::len);
                FRAME_BYTES + tool.parameters.len() + description
            });
            said.chain(shown).sum()
        }
    }
}
