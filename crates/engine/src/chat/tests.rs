//! Unusual templates, and text split at every possible position.

mod forged;
mod hostile;
mod reasoning;
mod tools;

use std::sync::Arc;

use harmonic_batching::Token;
use harmonic_types::{
    AgentName, AgentSpec, Message, Prompt, Rejection, Role, Sampling, Tier, Tokens, ToolChoice,
};
use proptest::prelude::*;

use super::{AnswerDelta, Budget, Chat, Decoded, Vocabulary};

/// Vocabulary of bytes; 256 ends the turn.
struct ByteVocabulary(Option<&'static str>);

impl Vocabulary for ByteVocabulary {
    fn size(&self) -> u32 {
        257
    }

    fn tokenize(&self, text: &str) -> Vec<Token> {
        text.bytes().map(|byte| Token(i32::from(byte))).collect()
    }
    fn append_bytes(&self, token: Token, out: &mut Vec<u8>) {
        out.extend(u8::try_from(token.0));
    }
    fn ends_turn(&self, token: Token) -> bool {
        token.0 == 256
    }
    fn turn_ends(&self) -> Vec<Token> {
        vec![Token(256)]
    }
    fn chat_template(&self) -> Option<String> {
        self.0.map(str::to_owned)
    }
    fn bos_text(&self) -> String {
        "<s>".to_owned()
    }
    fn eos_text(&self) -> String {
        "</s>".to_owned()
    }
}

const PLAIN: &str = "{{ bos_token }}{% for m in messages %}\n  [{{ m['role'] }}] \
                     {{ m['content'].strip() }}\n{% endfor %}{% if add_generation_prompt %}>{% endif %}";
const NO_SYSTEM: &str = "{% for m in messages %}{% if m.role == 'system' %}\
                         {{ raise_exception('no system role here') }}{% endif %}\
                         <{{ m.role }}>{{ m.content }}{% endfor %}";
const THINKER: &str = "{% for m in messages %}{{ m.content }}{% endfor %}\
                       {% if enable_thinking %}<think>\n{% endif %}";

fn chat(template: Option<&'static str>) -> Chat {
    Chat::new(Arc::new(ByteVocabulary(template))).unwrap()
}

fn agent() -> AgentSpec {
    AgentSpec {
        name: AgentName::from("coder"),
        tier: Tier::Specialists,
        model: "m".to_owned(),
        context: Tokens(512),
        min_context: None,
        role: String::new(),
        system: "You code.\n".to_owned(),
        sampling: Sampling::default(),
        thinking: false,
    }
}

fn prompt(messages: &[(Role, &str)]) -> Prompt {
    Prompt::chat(messages.iter().map(|(role, text)| Message::new(*role, *text)).collect())
}

fn rendered(chat: &Chat, prompt: &Prompt) -> String {
    let tokens =
        chat.render(&agent(), prompt, None, &ToolChoice::Auto, &Budget::default()).unwrap().tokens;
    let bytes = tokens.iter().map(|token| u8::try_from(token.0).unwrap()).collect();
    String::from_utf8(bytes).unwrap()
}

#[test]
fn the_agents_prompt_comes_first_and_the_clients_system_text_joins_it() {
    let asked = prompt(&[(Role::User, " hi "), (Role::System, "Be brief.")]);
    insta::assert_snapshot!(rendered(&chat(Some(PLAIN)), &asked), @r"
    <s>  [system] You code.

    Be brief.
      [user] hi
    >
    ");
}

#[test]
fn a_template_without_system_role_gets_it_in_the_first_question() {
    let asked = prompt(&[(Role::User, "hi"), (Role::Assistant, "yo"), (Role::User, "bye")]);
    assert_eq!(
        rendered(&chat(Some(NO_SYSTEM)), &asked),
        "<user>You code.\nhi<assistant>yo<user>bye"
    );
}

#[test]
fn a_base_model_gets_the_plain_text() {
    assert_eq!(rendered(&chat(None), &prompt(&[(Role::User, "hi")])), "You code.\n\nhi");
}

#[test]
fn what_a_template_raises_reaches_the_client() {
    let strict = chat(Some(
        "{% if messages[-1].content == 'x' %}{{ raise_exception('roles must alternate') }}{% endif %}",
    ));
    let refused = strict
        .render(
            &agent(),
            &prompt(&[(Role::User, "x")]),
            None,
            &ToolChoice::Auto,
            &Budget::default(),
        )
        .unwrap_err();
    let Rejection::Invalid { message } = refused else { panic!("{refused:?}") };
    assert!(message.contains("roles must alternate"), "{message}");
    let broken = Chat::new(Arc::new(ByteVocabulary(Some("{% for %}")))).unwrap_err();
    assert!(broken.to_string().starts_with("the model's chat template is not valid"), "{broken}");
}

#[test]
fn the_shared_prefix_ends_where_questions_differ() {
    let chat = chat(Some(PLAIN));
    let prefix = chat.shared_prefix(&agent());
    let full = chat
        .render(
            &agent(),
            &prompt(&[(Role::User, "else")]),
            None,
            &ToolChoice::Auto,
            &Budget::default(),
        )
        .unwrap()
        .tokens;
    assert!(full.starts_with(&prefix));
    let text = "<s>  [system] You code.\n  [user] ";
    assert_eq!(prefix.len(), text.len());
}

/// Text of an answer without calls.
fn said(decoded: &Decoded) -> String {
    let text = |piece: &AnswerDelta| match piece {
        AnswerDelta::Text(text) => text.clone(),
        call => panic!("no tools were given: {call:?}"),
    };
    decoded.answer.iter().map(text).collect()
}

/// Decodes `bytes` token by token; returns reasoning, answer and whether it stopped.
fn decode(chat: &Chat, bytes: &[u8], stop: &[&str], open: bool) -> (String, String, bool) {
    let mut decoder = chat.decoder(stop.iter().map(|s| (*s).to_owned()).collect(), open, &[]);
    let (mut reasoning, mut text) = (String::new(), String::new());
    for byte in bytes {
        let piece = decoder.push(Token(i32::from(*byte)));
        reasoning += &piece.reasoning;
        text += &said(&piece);
        if piece.stop {
            return (reasoning, text, true);
        }
    }
    let rest = decoder.finish(false);
    (reasoning + &rest.reasoning, text + &said(&rest), false)
}

#[test]
fn stop_strings_end_the_answer_and_near_misses_do_not() {
    let chat = chat(None);
    let decode = |text: &str| {
        let (_, text, stopped) = decode(&chat, text.as_bytes(), &["END", "\n\n"], false);
        (text, stopped)
    };
    assert_eq!(decode("one EENDtwo"), ("one E".to_owned(), true));
    assert_eq!(decode("one EN"), ("one EN".to_owned(), false));
    assert_eq!(decode("a\nb\n\nc"), ("a\nb".to_owned(), true));
}

#[test]
fn broken_characters_are_replaced_and_whole_ones_never_split() {
    let chat = chat(None);
    let mut decoder = chat.decoder(Vec::new(), false, &[]);
    let pieces: Vec<String> =
        "aé😀".bytes().map(|byte| said(&decoder.push(Token(i32::from(byte))))).collect();
    assert_eq!(pieces, ["a", "", "é", "", "", "", "😀"]);
    let (_, text, _) = decode(&chat, b"a\xFFb\xF0\x9F", &[], false);
    assert_eq!(text, "a\u{FFFD}b", "a character that was cut off is left out");
}

#[test]
fn the_end_of_turn_has_no_text() {
    let decoded = chat(None).decoder(Vec::new(), false, &[]).push(Token(256));
    assert_eq!(decoded, Decoded { stop: true, ..Decoded::default() });
}

#[test]
fn reasoning_is_kept_apart() {
    let chat = chat(Some(THINKER));
    let split = |text: &str, open| {
        let (reasoning, answer, _) = decode(&chat, text.as_bytes(), &[], open);
        (reasoning, answer)
    };
    let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
    assert_eq!(split("\n<think>\nhm\n</think>\n\nyes", false), pair("\nhm\n", "yes"));
    assert_eq!(split("hm</think>yes", true), pair("hm", "yes"));
    assert_eq!(split("<thin", false), pair("", "<thin"));
    assert_eq!(split("no tag <think>", false), pair("", "no tag <think>"));
    assert!(
        chat.render(
            &agent(),
            &prompt(&[]),
            Some(true.into()),
            &ToolChoice::Auto,
            &Budget::default()
        )
        .unwrap()
        .reasoning_open
    );
}

proptest! {
    #[test]
    fn valid_text_survives_any_tokenisation(text in "\\PC{0,60}") {
        let (_, decoded, stopped) = decode(&chat(None), text.as_bytes(), &[], false);
        prop_assert_eq!((decoded, stopped), (text, false));
    }

    #[test]
    fn the_answer_is_what_precedes_the_first_stop(text in "[ab]{0,40}", stop in "[ab]{1,4}") {
        let (_, decoded, stopped) = decode(&chat(None), text.as_bytes(), &[stop.as_str()], false);
        // The first completed stop string wins; with one stop string, its first occurrence.
        let expected = text.find(&stop).map_or(text.as_str(), |at| &text[..at]);
        prop_assert_eq!(decoded, expected);
        prop_assert_eq!(stopped, text.contains(&stop));
    }

    #[test]
    fn any_bytes_decode_as_the_standard_library_would(
        bytes in prop::collection::vec(any::<u8>(), 0..40),
    ) {
        let (_, decoded, _) = decode(&chat(None), &bytes, &[], false);
        // Except for an incomplete character at the end.
        let cut = bytes.utf8_chunks().last().map_or(0, |last| {
            let end = last.invalid();
            let grows = std::str::from_utf8(end).is_err_and(|error| error.error_len().is_none());
            if grows { end.len() } else { 0 }
        });
        let whole = &bytes[..bytes.len() - cut];
        prop_assert_eq!(decoded, String::from_utf8_lossy(whole).into_owned());
    }
}
