use std::sync::Arc;

use harmonic_batching::Token;
use harmonic_types::{AgentName, Sampling, Tier};
use proptest::prelude::*;

use super::*;
use crate::chat::Vocabulary;

/// Vocabulary of bytes and longer tokens.
struct Joined {
    long: Vec<&'static str>,
    template: &'static str,
}

impl Joined {
    fn pieces(&self) -> Vec<Vec<u8>> {
        let bytes = (0..=u8::MAX).map(|byte| vec![byte]);
        bytes.chain(self.long.iter().map(|long| long.as_bytes().to_vec())).collect()
    }
}

impl Vocabulary for Joined {
    fn size(&self) -> u32 {
        256 + u32::try_from(self.long.len()).expect("few")
    }

    fn tokenize(&self, mut text: &str) -> Vec<Token> {
        let mut tokens = Vec::new();
        while let Some(next) = text.chars().next() {
            let long = (256..).zip(&self.long).find(|(_, long)| text.starts_with(**long));
            if let Some((token, long)) = long {
                tokens.push(Token(token));
                text = &text[long.len()..];
                continue;
            }
            let next = next.len_utf8();
            tokens.extend(text.bytes().take(next).map(|byte| Token(i32::from(byte))));
            text = &text[next..];
        }
        tokens
    }

    fn token_bound(&self) -> Option<TokenBound> {
        let pieces = self.pieces();
        Some(TokenBound::of(pieces.iter().map(|piece| (piece.as_slice(), true))))
    }

    fn append_bytes(&self, token: Token, out: &mut Vec<u8>) {
        out.extend(&self.pieces()[usize::try_from(token.0).expect("an id")]);
    }

    fn ends_turn(&self, _token: Token) -> bool {
        false
    }

    fn turn_ends(&self) -> Vec<Token> {
        Vec::new()
    }

    fn chat_template(&self) -> Option<String> {
        Some(self.template.to_owned())
    }

    fn bos_text(&self) -> String {
        String::new()
    }

    fn eos_text(&self) -> String {
        String::new()
    }
}

const LONG: [&str; 4] = ["<|im_start|>", "<|im_end|>\n", "        ", "word"];
const CHATML: &str = "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content | trim }}<|im_end|>\n{% endfor %}<|im_start|>assistant\n";
/// Template that requires alternating turns, as Gemma's and Llama 2's do.
const IN_TURNS: &str = "{% for m in messages %}{% if m.role == 'system' %}{{ m.content }}{% elif (m.role == 'user') != (loop.index0 % 2 == 1) %}{{ raise_exception('in turns!') }}{% else %}<|im_start|>{{ m.content }}{% endif %}{% endfor %}";
/// Template that shows only the last message.
const FORGETS: &str = "{{ messages[-1].content }}<|im_start|>";
/// Template that shows only user messages.
const USERS: &str = "{% for m in messages %}{% if m.role == 'user' %}<|im_start|>{{ m.content }}<|im_end|>\n{% endif %}{% endfor %}";

fn agent() -> AgentSpec {
    AgentSpec {
        name: AgentName::from("coder"),
        tier: Tier::Specialists,
        model: "m".to_owned(),
        context: Tokens(2048),
        min_context: None,
        role: String::new(),
        system: "be brief".to_owned(),
        sampling: Sampling::default(),
        thinking: false,
    }
}

fn chat(template: &'static str) -> Chat {
    Chat::new(Arc::new(Joined { long: LONG.to_vec(), template })).expect("a template")
}

#[test]
fn messages_count_as_the_template_shows_them() {
    let bounds = |template| chat(template).bounds(&agent());
    let each = |template| {
        let Bounds { user, assistant, tool, .. } = bounds(template);
        (user, assistant, tool)
    };
    // Two tokens around a role of 4 or 9 letters and a line break: 7 and 12. Results are inlined.
    assert_eq!(each(CHATML), (3, 6, 17));
    // A turn has two.
    assert_eq!(each(IN_TURNS).1, 0);
    assert_eq!(each(FORGETS), (0, 0, 0));
    assert_eq!(each(USERS).1, 0);
    let many = |count: usize| {
        let messages = (0..count).map(|_| Message::new(Role::User, "a"));
        bounds(CHATML).of(&Prompt::chat(messages.collect()), &ToolChoice::Auto)
    };
    assert_eq!(many(2), Tokens(0));
    assert_eq!(many(1002), Tokens(3000));
}

/// Rest of a template that supports tools, after the tools.
macro_rules! showing {
    ($before:literal, $each:literal) => {
        concat!(
            $before,
            "{% for m in messages %}",
            $each,
            "<|im_start|>{{ m.role }}{{ m.content }}{% for c in m.tool_calls %}<tool_call>{{ c | tojson }}</tool_call>{% endfor %}{% endfor %}"
        )
    };
}
const SHOWS_ALL: &str =
    showing!("{% for t in tools %}<|im_start|>{{ t | tojson }}{% endfor %}", "");
/// Template that shows only the first five tools.
const SHOWS_FEW: &str =
    showing!("{% for t in tools[:5] %}<|im_start|>{{ t | tojson }}{% endfor %}", "");
/// Template that shows tools only if the last message is a question.
const SHOWS_LATE: &str = showing!(
    "",
    "{% if tools and loop.last and m.role != 'assistant' %}{% for t in tools %}<|im_start|>{{ t | tojson }}{% endfor %}{% endif %}"
);

fn tools(count: usize) -> Vec<Tool> {
    let tool = |at| Tool {
        name: format!("t{at}"),
        description: None,
        parameters: r#"{"type":"object"}"#.to_owned(),
    };
    (0..count).map(tool).collect()
}

#[test]
fn tools_count_where_the_template_shows_them() {
    let least = |template, choice, roles: &[Role]| {
        let messages = roles.iter().map(|role| Message::new(*role, "a")).collect();
        let prompt = Prompt::Chat { messages, tools: tools(1002) };
        chat(template).bounds(&agent()).of(&prompt, &choice).0
    };
    let user = [Role::User];
    assert!(least(SHOWS_ALL, ToolChoice::Auto, &user) > 20_000);
    // This template has no tool support: they are described in a tool prompt.
    assert!(least(CHATML, ToolChoice::Required, &user) > 10_000);
    assert_eq!(least(SHOWS_ALL, ToolChoice::None, &user), 0);
    assert_eq!(least(SHOWS_ALL, ToolChoice::Auto, &[Role::Assistant]), 0);
    for leaves_some_out in [SHOWS_FEW, SHOWS_LATE] {
        assert_eq!(least(leaves_some_out, ToolChoice::Auto, &user), 0);
    }
}

#[test]
fn a_rendered_text_that_cannot_fit_is_not_tokenised() {
    let render = |content: String, tokens| {
        let budget = Budget { tokens: Some(Tokens(tokens)), ..Budget::default() };
        let prompt = Prompt::chat(vec![Message::new(Role::User, content)]);
        chat(CHATML).render(&agent(), &prompt, None, &ToolChoice::Auto, &budget)
    };
    // A token has at most 12 counted bytes.
    let refused = render("a".repeat(12_000), 1000);
    let beyond = |least: u32| (1000..1020).contains(&least);
    assert!(
        matches!(&refused, Err(harmonic_types::Rejection::PromptBeyond { least, .. }) if beyond(least.0)),
        "{refused:?}"
    );
    assert!(render("a".repeat(11_000), 1000).is_ok());
    assert!(render(" ".repeat(100_000), 1000).is_ok());
}

#[test]
fn a_prompt_that_nobody_waits_for_is_not_tokenised() {
    let pool = crate::workers::Workers::start("test", 0, 1).expect("threads");
    let (told, ended) = std::sync::mpsc::channel();
    let (began, start) = std::sync::mpsc::channel();
    let running = pool.run(1, move |cancelled| {
        began.send(()).expect("the test waits");
        while !cancelled.is_set() {
            std::thread::yield_now();
        }
        let budget = Budget { cancelled: cancelled.clone(), ..Budget::default() };
        let prompt = Prompt::chat(vec![Message::new(Role::User, "hi")]);
        let rendered = chat(CHATML).render(&agent(), &prompt, None, &ToolChoice::Auto, &budget);
        told.send(rendered).expect("the test waits");
    });
    start.recv().expect("it runs");
    drop(running);
    assert!(ended.recv().expect("it ended").is_err());
}

fn messages() -> impl Strategy<Value = Vec<Message>> {
    let role =
        prop_oneof![Just(Role::User), Just(Role::Assistant), Just(Role::Tool), Just(Role::System)];
    let content = prop_oneof![
        Just(String::new()),
        Just(" \n".to_owned()),
        "[a-z ]{0,12}",
        Just("word word".to_owned()),
        Just("<|im_end|>\n<|im_start|>".to_owned()),
        "\\PC{0,8}",
    ];
    proptest::collection::vec(
        (role, content).prop_map(|(role, said)| Message::new(role, said)),
        0..60,
    )
}

proptest! {
    /// For any messages, no bound exceeds the true count.
    #[test]
    fn a_bound_is_never_above_the_count(
        messages in messages(),
        which in 0..7usize,
        shown in 0..40usize,
    ) {
        let chat = chat([CHATML, IN_TURNS, FORGETS, USERS, SHOWS_ALL, SHOWS_FEW, SHOWS_LATE][which]);
        let bounds = chat.bounds(&agent());
        for prompt in [
            Prompt::Text(messages.iter().map(Message::text).collect()),
            Prompt::chat(messages.clone()),
            Prompt::Chat { messages, tools: tools(shown) },
        ] {
            let budget = Budget::default();
            let rendered = chat.render(&agent(), &prompt, None, &ToolChoice::Auto, &budget);
            if let Ok(rendered) = rendered {
                let count = u32::try_from(rendered.tokens.len()).expect("few");
                prop_assert!(bounds.of(&prompt, &ToolChoice::Auto).0 <= count, "{bounds:?}");
                // The bound of the rendered text does not reject it either.
                let budget = Budget { tokens: Some(Tokens(count + 1)), ..Budget::default() };
                let fits = chat.render(&agent(), &prompt, None, &ToolChoice::Auto, &budget);
                prop_assert!(fits.is_ok());
            }
        }
    }
}
