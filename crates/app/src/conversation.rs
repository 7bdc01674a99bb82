//! Messages of a conversation with an agent, as `chat` sends them.
//!
//! Invariant: a question without an answer is not kept, so that the history always alternates.

use harmonic_api::openai::{ChatMessage, ChatRequest, TemplateArguments};
use harmonic_types::AgentName;

/// Conversation with an agent.
#[derive(Clone, Debug)]
pub struct Conversation {
    /// Agent of the next request.
    pub agent: AgentName,
    /// Additional system prompt, after the agent's own.
    pub system: Option<String>,
    /// Options of each answer.
    pub options: AnswerOptions,
    turns: Vec<ChatMessage>,
}

/// Options of an answer; `None` is the agent's default.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct AnswerOptions {
    /// Thinking mode.
    pub thinking: Option<bool>,
    /// Maximum number of tokens.
    pub max_tokens: Option<u32>,
    /// Sampling temperature.
    pub temperature: Option<f32>,
}

impl Conversation {
    /// Empty conversation.
    pub fn new(agent: AgentName, system: Option<String>, options: AnswerOptions) -> Self {
        Self { agent, system, options, turns: Vec::new() }
    }

    /// Request for `question` with the history.
    pub fn request(&self, question: &str) -> ChatRequest {
        let system = self.system.as_ref().map(|text| ChatMessage::new("system", text.clone()));
        let question = ChatMessage::new("user", question);
        ChatRequest {
            model: self.agent.0.clone(),
            messages: system
                .into_iter()
                .chain(self.turns.iter().cloned())
                .chain([question])
                .collect(),
            max_tokens: self.options.max_tokens,
            temperature: self.options.temperature,
            chat_template_kwargs: self
                .options
                .thinking
                .map(|thinking| TemplateArguments { enable_thinking: Some(thinking) }),
            ..ChatRequest::default()
        }
    }

    /// Appends a question and its answer, which may be partial.
    pub fn record(&mut self, question: &str, answer: &str) {
        if !answer.is_empty() {
            self.turns.push(ChatMessage::new("user", question));
            self.turns.push(ChatMessage::new("assistant", answer));
        }
    }

    /// Clears the history.
    pub fn clear(&mut self) {
        self.turns.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(conversation: &Conversation, question: &str) -> Vec<(String, String)> {
        let body = serde_json::to_value(conversation.request(question)).unwrap();
        let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
        let messages = body["messages"].as_array().unwrap();
        messages.iter().map(|one| (text(&one["role"]), text(&one["content"]))).collect()
    }

    #[test]
    fn a_request_contains_all_answered_questions() {
        let mut conversation = Conversation::new("coder".into(), None, AnswerOptions::default());
        conversation.record("one?", "one.");
        conversation.record("unanswered?", "");
        conversation.system = Some("be brief".to_owned());
        let pairs = |all: &[(&str, &str)]| -> Vec<(String, String)> {
            all.iter().map(|(role, text)| ((*role).to_owned(), (*text).to_owned())).collect()
        };
        assert_eq!(
            sent(&conversation, "two?"),
            pairs(&[
                ("system", "be brief"),
                ("user", "one?"),
                ("assistant", "one."),
                ("user", "two?"),
            ])
        );
        conversation.clear();
        conversation.system = None;
        assert_eq!(sent(&conversation, "three?"), pairs(&[("user", "three?")]));
    }

    #[test]
    fn options_are_set_only_on_request() {
        let body = |options| {
            let conversation = Conversation::new("coder".into(), None, options);
            serde_json::to_value(conversation.request("?")).unwrap()
        };
        let plain = body(AnswerOptions::default());
        for field in ["chat_template_kwargs", "max_tokens", "temperature"] {
            assert_eq!(plain.get(field), None);
        }
        let set = body(AnswerOptions {
            thinking: Some(false),
            max_tokens: Some(7),
            temperature: Some(0.5),
        });
        assert_eq!(set["chat_template_kwargs"]["enable_thinking"], false);
        assert_eq!((&set["max_tokens"], &set["temperature"]), (&7.into(), &0.5.into()));
    }
}
