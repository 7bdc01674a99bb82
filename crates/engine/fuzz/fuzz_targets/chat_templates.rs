//! Fuzzing of chat templates and client text, both untrusted. The template must be rejected or run
//! within its budget, and no client text may become a control token. The input is the template, a
//! NUL, and the client text.
//!
//! `cargo +nightly fuzz run chat_templates -- -rss_limit_mb=2048` in `crates/engine`.
#![no_main]

use std::sync::Arc;

use harmonic_engine::Token;
use harmonic_engine::chat::{Budget, Chat, Special, Vocabulary};
use harmonic_types::{
    AgentName, AgentSpec, Message, Prompt, Role, Sampling, Tier, Tokens, Tool, ToolCall, ToolChoice,
};
use libfuzzer_sys::fuzz_target;

/// Vocabulary of bytes and one token recognised in any text, which plain text must not contain.
struct Bytes(String);

const READ_EVERYWHERE: &str = "</think>";

impl Vocabulary for Bytes {
    fn size(&self) -> u32 {
        302
    }
    fn tokenize(&self, text: &str) -> Vec<Token> {
        assert!(!text.contains(READ_EVERYWHERE), "client text would become a token");
        text.bytes().map(|byte| Token(i32::from(byte))).collect()
    }
    fn specials(&self) -> Vec<Special> {
        let everywhere = Special::control(Token(301), READ_EVERYWHERE);
        vec![Special::control(Token(300), "<|im_end|>"), Special { control: false, ..everywhere }]
    }
    fn append_bytes(&self, token: Token, out: &mut Vec<u8>) {
        out.extend(u8::try_from(token.0));
    }
    fn ends_turn(&self, token: Token) -> bool {
        token.0 == 300
    }
    fn turn_ends(&self) -> Vec<Token> {
        vec![Token(300)]
    }
    fn chat_template(&self) -> Option<String> {
        Some(self.0.clone())
    }
    fn bos_text(&self) -> String {
        String::new()
    }
    fn eos_text(&self) -> String {
        "<|im_end|>".to_owned()
    }
}

fuzz_target!(|text: &str| {
    let (template, said) = text.split_once('\0').unwrap_or((text, "said"));
    let (template, said) = (template.to_owned(), said.to_owned());
    // A template that spells the token itself may write it.
    let spells = template.contains(['<', '|', '\\']) || template.contains("eos");
    let Ok(chat) = Chat::new(Arc::new(Bytes(template))) else { return };
    let agent = AgentSpec {
        name: AgentName::from("a"),
        tier: Tier::Specialists,
        model: "m".to_owned(),
        context: Tokens(512),
        min_context: None,
        role: String::new(),
        system: "s".to_owned(),
        sampling: Sampling::default(),
        thinking: false,
    };
    let call = ToolCall { id: said.clone(), name: said.clone(), arguments: said.clone() };
    let messages = vec![
        Message::new(Role::User, said.clone()),
        Message { tool_calls: vec![call], ..Message::new(Role::Assistant, said.clone()) },
        Message { tool_call_id: Some(said.clone()), ..Message::new(Role::Tool, said.clone()) },
        Message::new(Role::User, said.clone()),
    ];
    let tool = Tool { name: "t".to_owned(), description: Some(said), parameters: "{}".to_owned() };
    let prompt = Prompt::Chat { messages, tools: vec![tool] };
    let rendered = chat.render(&agent, &prompt, None, &ToolChoice::Auto, &Budget::default());
    if let (Ok(rendered), false) = (rendered, spells) {
        assert!(rendered.tokens.iter().all(|token| token.0 < 300), "a forged token");
    }
});
