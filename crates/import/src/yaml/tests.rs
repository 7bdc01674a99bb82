use super::*;

fn error(text: &str) -> String {
    parse(text, "config.yaml").unwrap_err().to_string()
}

/// A node as it is written in one line.
fn shown(node: &Node) -> String {
    match &node.content {
        Content::Null => "null".to_owned(),
        Content::Scalar(text) => format!("{text:?}"),
        Content::List(nodes) => {
            format!("[{}]", nodes.iter().map(shown).collect::<Vec<_>>().join(", "))
        }
        Content::Map(entries) => {
            let entry = |it: &Entry| format!("{}@{}: {}", it.key, it.line, shown(&it.value));
            format!("{{{}}}", entries.iter().map(entry).collect::<Vec<_>>().join(", "))
        }
    }
}

#[test]
fn a_text_is_a_tree_with_lines() {
    let node =
        parse("# c\na: 1\nb:\n  - x\n  - ~\n  - \"~\"\nc: |\n  one\n  two\nd:\n", "x").unwrap();
    let expected = "{a@2: \"1\", b@3: [\"x\", null, \"~\"], c@7: \"one\\ntwo\\n\", d@10: null}";
    assert_eq!(shown(&node), expected);
    assert_eq!(shown(&parse("", "x").unwrap()), "null");
}

#[test]
fn anchors_aliases_and_merge_keys_are_applied() {
    let text = "base: &b {x: 1, y: 2}\nuse: {<<: *b, y: 3}\nlist: [*b, {<<: [*b, *b]}]\n";
    let node = parse(text, "x").unwrap();
    let base = "{x@1: \"1\", y@1: \"2\"}";
    let expected =
        format!("{{base@1: {base}, use@2: {{y@2: \"3\", x@1: \"1\"}}, list@3: [{base}, {base}]}}");
    assert_eq!(shown(&node), expected);
}

#[test]
fn what_multiplies_is_refused() {
    let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..12 {
        let before = level - 1;
        let list = format!("*a{before}, ").repeat(9);
        text = format!("{text}a{level}: &a{level} [{list}]\n");
    }
    assert!(error(&text).contains("aliases included: expected at most"), "{}", error(&text));
    let long = "x".repeat(500_000);
    let text = format!("a: &a {long}\nb: [{}]\n", "*a, ".repeat(1000));
    assert!(error(&text).contains("bytes of text"), "{}", error(&text));
}

#[test]
fn depth_is_bounded_also_through_aliases() {
    assert!(parse(&format!("{}x{}", "[".repeat(31), "]".repeat(31)), "x").is_ok());
    assert!(error(&"[".repeat(100)).starts_with("config.yaml:1: "));
    let deep = format!("a: &a {}x{}\n", "[".repeat(20), "]".repeat(20));
    let text = format!("{deep}b: {}*a{}\n", "[".repeat(20), "]".repeat(20));
    assert!(error(&text).contains("32 levels"), "{}", error(&text));
}

#[test]
fn what_has_no_one_meaning_is_an_error_with_its_line() {
    assert!(error("a: 1\na: 2\n").starts_with("config.yaml:2: the key `a` is there twice"));
    assert!(error("a: 1\n---\nb: 2\n").contains("a second document"));
    assert!(error("a: !secret x\n").contains("a tag"));
    assert!(error("? [a]\n: 1\n").contains("as a key"));
    assert!(error("a: {<<: 1}\n").contains("invalid `<<`"));
    assert!(error("a: *no\n").starts_with("config.yaml:1"));
    assert!(error("a: [1\nb: 2").starts_with("config.yaml:"));
}
