//! Reasoning styles of public models.

use harmonic_types::{Role, ToolChoice};

use super::{Budget, agent, chat, decode, prompt};

const HARMONY: &str = "{% for m in messages %}<|start|>{{ m.role }}<|message|>{{ m.content }}<|end|>\
                       {% endfor %}<|start|>assistant{# <|channel|>analysis<|message|> #}";
const CHANNEL: &str = "{% for m in messages %}{{ m.content }}{% endfor %}\
                       {% if not enable_thinking %}<|channel>thought\n<channel|>{% endif %}";

/// A template that opens the reasoning with `open` if thinking is enabled.
macro_rules! opening {
    ($open:literal) => {
        concat!(
            "{% for m in messages %}{{ m.content }}{% endfor %}{% if thinking %}",
            $open,
            "\n{% endif %}"
        )
    };
}

fn split(template: &'static str, text: &str, open: bool) -> (String, String) {
    let (reasoning, answer, _) = decode(&chat(Some(template)), text.as_bytes(), &[], open);
    (reasoning, answer)
}

fn pair(reasoning: &str, answer: &str) -> (String, String) {
    (reasoning.to_owned(), answer.to_owned())
}

#[test]
fn every_style_is_kept_apart() {
    for (template, open, close) in [
        (opening!("<think>"), "<think>", "</think>"),
        (opening!("<thinking>"), "<thinking>", "</thinking>"),
        (opening!("[THINK]"), "[THINK]", "[/THINK]"),
        (opening!("<|START_THINKING|>"), "<|START_THINKING|>", "<|END_THINKING|>"),
        (opening!("<seed:think>"), "<seed:think>", "</seed:think>"),
        (opening!("<mm:think>"), "<mm:think>", "</mm:think>"),
        (opening!("<|inner_prefix|>"), "<|inner_prefix|>", "<|inner_suffix|>"),
        (CHANNEL, "<|channel>thought\n", "<channel|>"),
    ] {
        let text = format!("{open}hm{close}\nyes");
        assert_eq!(split(template, &text, false), pair("hm", "yes"), "{open}");
        assert_eq!(split(template, &format!("hm{close}yes"), true), pair("hm", "yes"), "{open}");
        assert_eq!(split(template, "yes", false), pair("", "yes"), "{open}");
    }
}

#[test]
fn a_channel_of_thoughts_is_no_part_of_the_answer() {
    let text =
        "<|channel|>analysis<|message|>hm<|end|><|start|>assistant<|channel|>final<|message|>yes";
    assert_eq!(split(HARMONY, text, false), pair("hm", "yes"));
    assert_eq!(split(HARMONY, "<|channel|>final<|message|>yes", false), pair("", "yes"));
    // Cut within the separator.
    assert_eq!(split(HARMONY, "<|channel|>analysis<|message|>hm<|end|>", false).1, "");
}

#[test]
fn a_prompt_that_opens_the_reasoning_is_seen_in_every_style() {
    for (template, opens) in [
        (opening!("[THINK]"), true),
        (opening!("<|START_THINKING|>"), true),
        (opening!("<seed:think>"), true),
        (CHANNEL, false),
        (HARMONY, false),
    ] {
        let rendered = |thinks: bool| {
            let asked = prompt(&[(Role::User, "u")]);
            let thinking = Some(thinks.into());
            chat(Some(template))
                .render(&agent(), &asked, thinking, &ToolChoice::Auto, &Budget::default())
                .expect("renders")
        };
        assert_eq!(rendered(true).reasoning_open, opens, "{template}");
        assert!(!rendered(false).reasoning_open, "{template}");
    }
}

/// Whether a constraint starts only after possible reasoning.
#[test]
fn a_form_waits_for_reasoning_where_it_cannot_be_switched_off() {
    let asked = prompt(&[(Role::User, "u")]);
    let waits = |template: &'static str, thinks: bool| {
        let chat = chat(Some(template));
        let rendered = chat
            .render(&agent(), &asked, Some(thinks.into()), &ToolChoice::Auto, &Budget::default())
            .expect("renders");
        chat.reasoning_tracker(&asked, &rendered, thinks).is_some()
    };
    assert!(waits(opening!("[THINK]"), true));
    assert!(!waits(opening!("[THINK]"), false));
    let always = "{% for m in messages %}{{ m.content }}{% endfor %}<seed:think>";
    assert!(waits(always, false));
}
