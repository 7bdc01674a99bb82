//! Lower bounds of prompt lengths in tokens, known before rendering or tokenisation.
//!
//! Invariant: a bound never exceeds the true count, so no prompt that fits is rejected.
//!
//! Text: see [`TokenBound`].
//!
//! Conversation: each message and tool counts half of what an empty one adds. When the model is set
//! up, growing numbers of messages of each role, and of tools, are rendered; if the template leaves
//! some out or the count does not grow evenly, messages of the role, or tools, count zero. Half,
//! because tokens may merge template text with message text. Contents are not counted before
//! rendering, since a template may leave out any of them; the rendered text is checked by the bound
//! of a text.

use harmonic_types::{AgentSpec, Message, Prompt, Role, Tokens, Tool, ToolChoice};

use super::token_bound::TokenBound;
use super::{Budget, Chat, callable};

/// Numbers of turns that are probed; the counts must grow proportionally.
const TRIED: [usize; 3] = [4, 8, 32];
/// Messages of a role, and tools, that count zero: templates treat the first and last specially.
const APART: u64 = 2;

/// Lower bounds of prompts to one model, in tokens.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Bounds {
    token_bound: Option<TokenBound>,
    user: u64,
    /// A user message after a tool result: a template may merge the two.
    joined: u64,
    assistant: u64,
    tool: u64,
    described: u64,
}

impl Bounds {
    /// Bounds of texts only.
    pub(super) fn of_vocabulary(token_bound: Option<TokenBound>) -> Self {
        Self { token_bound, ..Self::default() }
    }

    /// Minimum tokens of `text`.
    pub(super) fn of_text(&self, text: &str) -> u64 {
        self.token_bound.as_ref().map_or(0, |bound| bound.tokens(text))
    }

    /// Minimum tokens of `prompt` with tool choice `choice`.
    pub(crate) fn of(&self, prompt: &Prompt, choice: &ToolChoice) -> Tokens {
        let least = match prompt {
            Prompt::Text(text) => self.of_text(text),
            Prompt::Chat { messages, .. } => {
                // Some templates show tools only before a question.
                let asks = messages.iter().any(|message| message.role == Role::User);
                let tools = if asks { callable(prompt, choice).len() as u64 } else { 0 };
                self.of_messages(messages).saturating_add(counted(tools, self.described))
            }
        };
        Tokens(u32::try_from(least).unwrap_or(u32::MAX))
    }

    /// Adds the bounds of messages and tools to `agent`, found by probing.
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
        // The minimum that one more `turn` adds, for any context.
        let least = |turn: &[Role]| {
            [plain, answered].iter().filter_map(|before| grows(before, turn)).min().unwrap_or(0)
        };
        // If the template requires turns, user messages count for both roles.
        let turns = grows(plain, &[User, Assistant]);
        let user = grows(plain, &[User]).or(turns).unwrap_or(0).min(turns.unwrap_or(u64::MAX));
        let joined = grows(answered, &[User]).unwrap_or(0).min(user);
        // Together they must not count more than a turn.
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

    /// Minimum tokens of `messages`.
    fn of_messages(&self, messages: &[Message]) -> u64 {
        let (mut user, mut joined, mut assistant, mut tool) = (0, 0, 0, 0);
        let mut after_result = false;
        for message in messages {
            match message.role {
                // All system messages are merged into one.
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

/// Minimum tokens of `count` messages or tools, of which each adds `each`.
fn counted(count: u64, each: u64) -> u64 {
    count.saturating_sub(APART).saturating_mul(each)
}

/// Minimum tokens that one more tool adds, in any conversation.
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

/// Number of tokens of a conversation of empty messages.
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

/// Constant increment of `length(count)`; 0 if it does not grow evenly.
fn growth(length: impl Fn(usize) -> Option<u64>) -> Option<u64> {
    let [few, more, many] = TRIED;
    let (short, middle, long) = (length(few)?, length(more)?, length(many)?);
    let each = middle.saturating_sub(short) / (more - few) as u64;
    let even = long.saturating_sub(middle) >= each * (many - more) as u64;
    Some(if even { each } else { 0 })
}

#[cfg(test)]
mod tests;
