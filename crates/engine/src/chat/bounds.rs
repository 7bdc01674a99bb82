//! How many tokens a prompt has at least, told before it is rendered or tokenised.
//!
//! Invariants: a bound is never above the true count, so it refuses nothing that would fit.
//!
//! Of a text: its [`TokenBound`] tells.
//!
//! Of a conversation: a message, and a tool, counts half of what an empty one adds. Each role is tried
//! when the model is set up, and so are tools, with a growing number of them; where a template leaves
//! some out, or the count does not grow evenly, messages of the role, or tools, count nothing. Half,
//! because tokens may join what the template writes with what a message says. Contents are not counted before rendering, since a
//! template may leave out any of them; the rendered text is held to the bound of a text.

use harmonic_types::{AgentSpec, Message, Prompt, Role, Tokens, Tool, ToolChoice};

use super::token_bound::TokenBound;
use super::{Budget, Chat, callable};

/// Numbers of turns that are tried; the differences are to be in proportion.
const TRIED: [usize; 3] = [4, 8, 32];
/// Messages of a role, and tools, that count nothing: templates treat the first and the last apart.
const APART: u64 = 2;

/// The least tokens of prompts to one model.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Bounds {
    token_bound: Option<TokenBound>,
    user: u64,
    /// Of the user after a result: a template may join the two.
    joined: u64,
    assistant: u64,
    tool: u64,
    described: u64,
}

impl Bounds {
    /// What is known without a conversation.
    pub(super) fn of_vocabulary(token_bound: Option<TokenBound>) -> Self {
        Self { token_bound, ..Self::default() }
    }

    /// Tokens of `text`, at least.
    pub(super) fn of_text(&self, text: &str) -> u64 {
        self.token_bound.as_ref().map_or(0, |bound| bound.tokens(text))
    }

    /// Tokens of `prompt`, at least, where its tools may be called by `choice`.
    pub(crate) fn of(&self, prompt: &Prompt, choice: &ToolChoice) -> Tokens {
        let least = match prompt {
            Prompt::Text(text) => self.of_text(text),
            Prompt::Chat { messages, .. } => {
                // Some templates show them before a question alone.
                let asks = messages.iter().any(|message| message.role == Role::User);
                let tools = if asks { callable(prompt, choice).len() as u64 } else { 0 };
                self.of_messages(messages).saturating_add(counted(tools, self.described))
            }
        };
        Tokens(u32::try_from(least).unwrap_or(u32::MAX))
    }

    /// With what messages and tools to `agent` add, found out by trying.
    pub(super) fn with_conversation(self, chat: &Chat, agent: &AgentSpec) -> Self {
        use Role::{Assistant, Tool, User};
        let plain = [User].as_slice();
        let answered = [User, Assistant, Tool].as_slice();
        let grows = |before: &[Role], turn: &[Role]| {
            growth(|count| {
                let turns = turn.iter().cycle().take(turn.len() * count);
                let roles = before.iter().chain(turns).chain(plain);
                length(chat, agent, roles.copied(), Vec::new())
            })
        };
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
            described: half(least_tool(chat, agent)),
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
        each.map(|(count, each)| counted(count, each)).iter().sum()
    }
}

/// Tokens of so many messages or tools, at least, of which one adds `each`.
fn counted(count: u64, each: u64) -> u64 {
    count.saturating_sub(APART).saturating_mul(each)
}

/// Tokens that one more tool adds, at least, wherever the conversation stands.
fn least_tool(chat: &Chat, agent: &AgentSpec) -> u64 {
    use Role::{Assistant, Tool as Result, User};
    let stands = [
        [User].as_slice(),
        &[User, Assistant, User],
        &[User, Assistant],
        &[User, Assistant, Result],
    ];
    let forms = ["{}", r#"{"type":"object","properties":{}}"#]
        .into_iter()
        .flat_map(|parameters| [None, Some("")].map(|description| (parameters, description)));
    let tools = forms.map(|(parameters, description)| Tool {
        name: "t".to_owned(),
        description: description.map(str::to_owned),
        parameters: parameters.to_owned(),
    });
    let grows = tools.flat_map(|tool| {
        stands.map(|roles| {
            let roles = || roles.iter().copied();
            growth(|count| length(chat, agent, roles(), vec![tool.clone(); count]))
        })
    });
    grows.flatten().min().unwrap_or(0)
}

/// Tokens of a conversation of empty messages.
fn length(
    chat: &Chat,
    agent: &AgentSpec,
    roles: impl IntoIterator<Item = Role>,
    tools: Vec<Tool>,
) -> Option<u64> {
    let messages = roles.into_iter().map(|role| Message::new(role, "")).collect();
    let prompt = Prompt::Chat { messages, tools };
    let budget = Budget::default();
    let rendered = chat.render(agent, &prompt, None, &ToolChoice::Auto, &budget).ok()?;
    u64::try_from(rendered.tokens.len()).ok()
}

/// What one more adds, where it is always as much; `length` is that of so many.
fn growth(length: impl Fn(usize) -> Option<u64>) -> Option<u64> {
    let [few, more, many] = TRIED;
    let (short, middle, long) = (length(few)?, length(more)?, length(many)?);
    let each = middle.saturating_sub(short) / (more - few) as u64;
    let even = long.saturating_sub(middle) >= each * (many - more) as u64;
    Some(if even { each } else { 0 })
}

#[cfg(test)]
mod tests;
