//! Marking is reversible.

use harmonic_batching::Token;
use proptest::prelude::*;
use serde_json::json;

use super::{MARK, TaintMarks, raw, unmarked};
use crate::chat::vocabulary::Special;

fn marks() -> TaintMarks {
    let special = |text: &str, control| Special { control, ..Special::control(Token(1), text) };
    TaintMarks::of(&[special("<|x|>", true), special("\n\n", false), special("word", false)])
}

#[test]
fn only_the_ends_of_structure_are_marked() {
    let marks = marks();
    assert_eq!(marks.text("word\n\nx | y"), "word\n\nx | y");
    assert_eq!(marks.text("a<b"), format!("a{MARK}<{MARK}b"));
    let value = json!({"a>": ["<", 1, null, {"k": "v"}]});
    let marked = marks.json(value.clone());
    assert_ne!(marked, value);
    assert_eq!(unmarked(&marked.to_string()), value.to_string());
}

proptest! {
    #[test]
    fn what_is_marked_comes_back(text in "[a-z<>|\u{FDD0}\u{FDD1}01é😀]{0,40}") {
        let marked = marks().text(&text);
        prop_assert_eq!(unmarked(&marked), text.as_str());
        let escaped = raw(&text);
        prop_assert_eq!(unmarked(&escaped), text.as_str());
        prop_assert!(!marked.contains("<|x|>"));
    }
}
