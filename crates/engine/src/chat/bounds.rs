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
    /// Of the user after a result: a template may join the two.
    joined: u64,
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
            Prompt::Chat { messages, .. } => self.of_messages(messages),
        };
        Tokens(u32::try_from(least).unwrap_or(u32::MAX))
    }

    /// With what messages to `agent` add, found out by trying.
    pub(super) fn with_messages(self, chat: &Chat, agent: &AgentSpec) -> Self {
        use Role::{Assistant, Tool, User};
        let plain = [User].as_slice();
        let answered = [User, Assistant, Tool].as_slice();
        let grows = |before: &[Role], turn: &[Role]| growth(chat, agent, before, turn);
        // The least that one more `turn` adds, whatever came before.
        let least = |turn: &[Role]| {
            [plain, answered].iter().filter_map(|before| grows(before, turn)).min().unwrap_or(0)
        };
        // Where a template wants turns, there are as many of the user, who counts for both.
        let turns = grows(plain, &[User, Assistant]);
        let user = grows(plain, &[User]).or(turns).unwrap_or(0).min(turns.unwrap_or(u64::MAX));
        let joined = grows(answered, &[User]).unwrap_or(0).min(user);
        // Nor have they more together than in turns.
        let turns = turns.unwrap_or(0);
        let assistant = least(&[Assistant]).min(turns.saturating_sub(user));
        let tool = least(&[Tool])
            .min(least(&[Assistant, Tool]).saturating_sub(assistant))
            .min(least(&[User, Tool]).saturating_sub(joined));
        let half = |tokens: u64| tokens / 2;
        Self {
            user: half(user),
            joined: half(joined),
            assistant: half(assistant),
            tool: half(tool),
            ..self
        }
    }

    /// Tokens of `messages`, at least.
    fn of_messages(&self, messages: &[Message]) -> u64 {
        let (mut user, mut joined, mut assistant, mut tool) = (0, 0, 0, 0);
        let mut after_result = false;
        for message in messages {
            match message.role {
                // All of them become one.
                Role::System => continue,
                Role::User if after_result => joined += 1,
                Role::User => user += 1,
                Role::Assistant => assistant += 1,
                Role::Tool => tool += 1,
            }
            after_result =
                message.role == Role::Tool || (after_result && message.role == Role::User);
        }
        let each = [
            (user, self.user),
            (joined, self.joined),
            (assistant, self.assistant),
            (tool, self.tool),
        ];
        let of = |(count, each): (u64, u64)| count.saturating_sub(APART).saturating_mul(each);
        each.map(of).iter().sum()
    }
}

/// Tokens that one more `turn` adds to a conversation that begins with `before`, where it is always
/// as many.
fn growth(chat: &Chat, agent: &AgentSpec, before: &[Role], turn: &[Role]) -> Option<u64> {
    let length = |count: usize| {
        let turns = turn.iter().cycle().take(turn.len() * count);
        let roles = before.iter().chain(turns).chain(&[Role::User]);
        let prompt = Prompt::chat(roles.map(|role| Message::new(*role, "")).collect());
        let budget = Budget::default();
        let rendered = chat.render(agent, &prompt, None, &ToolChoice::Auto, &budget).ok()?;
        u64::try_from(rendered.tokens.len()).ok()
    };
    let [few, more, many] = TRIED;
    let (short, middle, long) = (length(few)?, length(more)?, length(many)?);
    let each = middle.saturating_sub(short) / (more - few) as u64;
    let even = long.saturating_sub(middle) >= each * (many - more) as u64;
    Some(if even { each } else { 0 })
}

#[cfg(test)]
mod tests;
