//! How many tokens a prompt has at least, told before it is rendered or tokenised.
//!
//! Invariants: a bound is never above the true count, so it refuses nothing that would fit.
//!
//! Of a text: each token stands for at most so many bytes of *ink*, which is text without white
//! space. White space does not count because tokens may swallow any amount of it (llama.cpp's
//! `lstrip` and `rstrip`) and templates trim it. Only vocabularies in which each byte has a token
//! have such a bound: others may drop what they do not know, or make one token of it.
//!
//! Of a conversation: a message counts half of what an empty one adds. Each role is tried when the
//! model is set up, with a growing number of messages; where a template leaves messages out, or the
//! count does not grow evenly, messages of the role count nothing. Half, because tokens may join what
//! the template writes with what a message says. Contents are not counted before rendering, since a
//! template may leave out any of them; the rendered text is held to the bound of a text.

use std::num::NonZeroU32;

use harmonic_types::{AgentSpec, Message, Prompt, Role, Tokens, ToolChoice};

use super::{Budget, Chat};

/// Numbers of turns that are tried; the differences are to be in proportion.
const TRIED: [usize; 3] = [4, 8, 32];
/// Messages of a role that count nothing: templates treat the first and the last apart.
const APART: u64 = 2;

/// Bytes of `text` that are not white space. `▁` is white space to vocabularies that write it so.
fn ink(text: &str) -> u64 {
    let inked = |c: &char| !c.is_whitespace() && *c != '\u{2581}';
    // Most text is ASCII, and this is done for megabytes.
    if text.is_ascii() {
        return text.bytes().filter(|byte| !byte.is_ascii_whitespace()).count() as u64;
    }
    text.chars().filter(inked).map(|c| c.len_utf8() as u64).sum()
}

/// The most ink that one of `tokens` stands for; `None` where some byte of UTF-8 has no token of its
/// own.
pub fn ink_per_token<'a>(tokens: impl IntoIterator<Item = &'a [u8]>) -> Option<NonZeroU32> {
    let (mut most, mut alone) = (1, [false; 256]);
    for token in tokens {
        if let [byte] = token {
            alone[usize::from(*byte)] = true;
        }
        // Of a part of a character every byte counts.
        let of_token = str::from_utf8(token).map_or(token.len() as u64, ink);
        most = most.max(of_token);
    }
    // Others never occur in text.
    let occurs = |byte: u8| !matches!(byte, 0 | 0xC0 | 0xC1 | 0xF5..);
    let whole = (0..=u8::MAX).filter(|byte| occurs(*byte)).all(|byte| alone[usize::from(byte)]);
    whole.then(|| u32::try_from(most).ok().and_then(NonZeroU32::new)).flatten()
}

/// The least tokens of prompts to one model.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Bounds {
    ink_per_token: Option<NonZeroU32>,
    user: u64,
    assistant: u64,
    tool: u64,
}

impl Bounds {
    /// What is known without a conversation.
    pub(super) fn of_vocabulary(ink_per_token: Option<NonZeroU32>) -> Self {
        Self { ink_per_token, ..Self::default() }
    }

    /// Tokens of `text`, at least.
    pub(super) fn of_text(&self, text: &str) -> u64 {
        self.ink_per_token.map_or(0, |most| ink(text).div_ceil(u64::from(most.get())))
    }

    /// Tokens of `prompt`, at least.
    pub(crate) fn of(&self, prompt: &Prompt) -> Tokens {
        let least = match prompt {
            Prompt::Text(text) => self.of_text(text),
            Prompt::Chat { messages, .. } => {
                let of_role = |role, each: u64| {
                    let count = messages.iter().filter(|message| message.role == role).count();
                    (count as u64).saturating_sub(APART).saturating_mul(each)
                };
                let roles = [
                    (Role::User, self.user),
                    (Role::Assistant, self.assistant),
                    (Role::Tool, self.tool),
                ];
                roles.map(|(role, each)| of_role(role, each)).iter().sum()
            }
        };
        Tokens(u32::try_from(least).unwrap_or(u32::MAX))
    }

    /// With what messages to `agent` add, found out by trying.
    pub(super) fn with_messages(self, chat: &Chat, agent: &AgentSpec) -> Self {
        let a_user = || Message::new(Role::User, "");
        let an_assistant = || Message::new(Role::Assistant, "");
        let a_tool = || Message::new(Role::Tool, "");
        // As one after another of its kind, where the template takes that, and else in turns: then a
        // turn counts as that of its user, since there are as many of both.
        let turns = self.growth(chat, agent, |count| {
            let turn = || [a_user(), an_assistant()];
            (0..count).flat_map(|_| turn()).chain([a_user()]).collect()
        });
        let alone = |one: &dyn Fn() -> Message| {
            self.growth(chat, agent, |count| {
                let many = (0..count).map(|_| one());
                [a_user()].into_iter().chain(many).chain([a_user()]).collect()
            })
        };
        let (users, assistants) = (alone(&a_user), alone(&an_assistant));
        let (user, assistant) = match (users, assistants) {
            (Some(user), Some(assistant)) => {
                // Neither more than in turns, where a template joins what follows its like.
                let together = turns.unwrap_or(0);
                (user.min(together), assistant.min(together.saturating_sub(user)))
            }
            _ => (turns.unwrap_or(0), 0),
        };
        // A result may be joined with others, or with what follows it.
        let results = self.growth(chat, agent, |count| {
            let turn = || [an_assistant(), a_tool()];
            [a_user()]
                .into_iter()
                .chain((0..count).flat_map(|_| turn()))
                .chain([a_user()])
                .collect()
        });
        let results = results.unwrap_or(0).saturating_sub(assistant);
        let tool = alone(&a_tool).unwrap_or(0).min(results);
        Self { user: user / 2, assistant: assistant / 2, tool: tool / 2, ..self }
    }

    /// Tokens that one more step adds to the conversation of so many, where it is always as many.
    fn growth(
        &self,
        chat: &Chat,
        agent: &AgentSpec,
        conversation: impl Fn(usize) -> Vec<Message>,
    ) -> Option<u64> {
        let length = |count: usize| {
            let prompt = Prompt::chat(conversation(count));
            let rendered =
                chat.render(agent, &prompt, None, &ToolChoice::Auto, &Budget::default()).ok()?;
            u64::try_from(rendered.tokens.len()).ok()
        };
        let [few, more, many] = TRIED;
        let (short, middle, long) = (length(few)?, length(more)?, length(many)?);
        let each = middle.checked_sub(short)? / (more - few) as u64;
        let even = long.checked_sub(middle)? >= each * (many - more) as u64;
        even.then_some(each)
    }
}

#[cfg(test)]
mod tests;
