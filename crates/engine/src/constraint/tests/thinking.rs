//! Constraints of reasoning models start after the reasoning.

use std::sync::Arc;

use harmonic_batching::Token;
use harmonic_types::{
    AgentName, AgentSpec, Format, Message, Prompt, Role, Sampling, Tier, Tokens, ToolChoice,
};

use super::Grammars;
use crate::chat::{Budget, Chat, Vocabulary};
use crate::sampling::Sampler;

/// Vocabulary of bytes, an end of turn, `<think>` as a control token, and a token that ends the
/// reasoning and starts the answer.
struct Thinker(&'static str);

const END: Token = Token(256);
const THINK: Token = Token(257);
const PIECE: Token = Token(258);
const SIZE: usize = 259;

impl Vocabulary for Thinker {
    fn size(&self) -> u32 {
        259
    }
    fn tokenize(&self, text: &str) -> Vec<Token> {
        if text == "<think>" {
            return vec![THINK];
        }
        text.bytes().map(|byte| Token(i32::from(byte))).collect()
    }
    fn append_bytes(&self, token: Token, out: &mut Vec<u8>) {
        match u8::try_from(token.0) {
            Ok(byte) => out.push(byte),
            Err(_) if token == PIECE => out.extend(b">x"),
            Err(_) => {}
        }
    }
    fn ends_turn(&self, token: Token) -> bool {
        token == END
    }
    fn turn_ends(&self) -> Vec<Token> {
        vec![END]
    }
    fn chat_template(&self) -> Option<String> {
        Some(self.0.to_owned())
    }
    fn bos_text(&self) -> String {
        String::new()
    }
    fn eos_text(&self) -> String {
        String::new()
    }
}

/// Template that always opens the reasoning.
const ALWAYS: &str = "{% for m in messages %}{{ m.content }}{% endfor %}<think>\n";
/// Template of a model that always opens the reasoning itself.
const ITSELF: &str = "{% for m in messages %}{{ m.content.split('</think>')[-1] }}{% endfor %}\
                      {# <think> #}";
/// Template that closes the reasoning if disabled.
const SWITCH: &str = "{% for m in messages %}{{ m.content }}{% endfor %}\
                      {% if not enable_thinking %}<think>\n\n</think>\n\n{% endif %}";

/// Answer of a model that prefers `script`, byte by byte, and most of all the end; constrained to
/// three digits.
fn answer(template: &'static str, thinking: bool, script: &[Token]) -> (String, bool) {
    let vocabulary = Arc::new(Thinker(template));
    let chat = Chat::new(Arc::clone(&vocabulary) as Arc<dyn Vocabulary>).expect("a template");
    let agent = AgentSpec {
        name: AgentName::from("a"),
        tier: Tier::Specialists,
        model: "m".to_owned(),
        role: String::new(),
        system: String::new(),
        sampling: Sampling::default(),
        context: Tokens(512),
        min_context: None,
        thinking: false,
    };
    let prompt = Prompt::chat(vec![Message::new(Role::User, "u")]);
    let choice = ToolChoice::Auto;
    let budget = Budget::default();
    let rendered =
        chat.render(&agent, &prompt, Some(thinking.into()), &choice, &budget).expect("renders");
    let tracker = chat.reasoning_tracker(&prompt, &rendered, thinking);
    let grammars = Grammars::new("thinker", vocabulary.as_ref()).expect("a vocabulary");
    let form = grammars.compile(&Format::Regex("[0-9]{3}".to_owned())).expect("a form");
    let greedy = Sampling { temperature: 0.0, ..Sampling::default() };
    let mut sampler = Sampler::new(greedy, 1).with_constraint(form).with_reasoning(tracker);
    let mut text = String::new();
    let mut wanted = script.iter().copied();
    for _ in 0..64 {
        let mut logits = [0.0f32; SIZE];
        logits[usize::from(b'7')] = 1.0;
        logits[usize::from(b'>')] = 2.0;
        if let Some(token) = wanted.next() {
            logits[usize::try_from(token.0).expect("an id")] = 5.0;
        }
        logits[256] = 9.0;
        let chosen = sampler.choose(&logits).expect("a choice");
        assert_eq!(chosen.failure, None);
        match chosen.token {
            END => return (text, true),
            THINK => text.push_str("<think>"),
            token => {
                let mut bytes = Vec::new();
                vocabulary.append_bytes(token, &mut bytes);
                text.push_str(&String::from_utf8_lossy(&bytes));
            }
        }
    }
    (text, false)
}

fn bytes(text: &str) -> Vec<Token> {
    text.bytes().map(|byte| Token(i32::from(byte))).collect()
}

#[test]
fn an_answer_that_begins_inside_its_reasoning_is_held_to_its_form_after_it() {
    let script = bytes("so: 1 + 1 </think>abc");
    assert_eq!(answer(ALWAYS, false, &script), ("so: 1 + 1 </think>777".to_owned(), true));
}

#[test]
fn no_token_begins_the_answer_in_the_reasoning() {
    let mut script = bytes("so </think");
    script.push(PIECE);
    // The token would end the reasoning and start the answer with `x`.
    let (text, ended) = answer(ALWAYS, false, &script);
    assert_eq!((text.as_str(), ended), ("so </think>777", true));
}

#[test]
fn a_model_that_opens_its_reasoning_itself_may() {
    let mut script = vec![THINK];
    script.extend(bytes("so</think>abc"));
    let held = ("<think>so</think>777".to_owned(), true);
    assert_eq!(answer(ITSELF, false, &script), held);
    assert_eq!(answer(SWITCH, true, &script), held);
    // Reasoning is optional.
    assert_eq!(answer(ITSELF, false, &bytes("12345")), ("123".to_owned(), true));
}

#[test]
fn a_model_that_was_told_not_to_think_does_not() {
    assert_eq!(answer(SWITCH, false, &[THINK]), ("777".to_owned(), true));
}
