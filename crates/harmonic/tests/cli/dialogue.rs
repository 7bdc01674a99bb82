//! `chat` on a terminal: questions, commands, Ctrl-C and Ctrl-D.

use crate::background::Owner;
use crate::harness::signal;
use crate::pseudo_terminal::Dialogue;

fn dialogue(owner: &Owner, args: &[&str]) -> Dialogue {
    Dialogue::start(owner.0.harmonic(args.iter().copied()), 100)
}

#[test]
fn ctrl_c_stops_the_answer_and_ctrl_d_the_program() {
    let owner = Owner::new();
    assert_eq!(owner.detach().code, Some(0));
    let mut dialogue = dialogue(&owner, &["chat", "coder"]);
    dialogue.until(&["coder ▸ "]);
    dialogue.enter("/agents\r");
    dialogue.until(&["technical_director"]);
    dialogue.until(&["coder ▸ "]);
    dialogue.enter("/agent plumber\r");
    dialogue.until(&["unknown agent `plumber`"]);
    dialogue.until(&["coder ▸ "]);
    dialogue.enter("/agent analyst\r");
    dialogue.until(&["analyst ▸ "]);
    // The simulated answer sometimes ends before it can be stopped.
    loop {
        dialogue.enter("/clear\r");
        dialogue.until(&["/clear"]);
        dialogue.until(&["analyst ▸ "]);
        dialogue.enter("go on\r");
        dialogue.until(&["go on"]);
        dialogue.until(&["\r\n"]);
        if dialogue.until(&["analyst is reading", "analyst ▸ "]) != "analyst is reading" {
            continue;
        }
        signal(&dialogue.child, "INT");
        if dialogue.until(&["(stopped)", "analyst ▸ "]) == "(stopped)" {
            break;
        }
    }
    dialogue.until(&["analyst ▸ "]);
    // The slot is free again.
    while owner.teams()[0]["in_flight"] != 0 {}
    dialogue.enter("\u{4}");
    assert_eq!(dialogue.child.wait().unwrap().code(), Some(0));
}

#[test]
fn a_watched_team_is_drawn_over_on_a_terminal() {
    let owner = Owner::new();
    assert_eq!(owner.detach().code, Some(0));
    let mut watch = dialogue(&owner, &["ps", "--watch"]);
    watch.until(&["technical_director"]);
    let asked = owner.0.run(["chat", "coder", "Say something."]);
    assert_eq!(asked.code, Some(0), "{asked:?}");
    // Up over the table before, and a rate in the new one.
    watch.until(&["A\u{1b}[J"]);
    watch.until(&["tok/s, busy"]);
    signal(&watch.child, "INT");
    assert_eq!(watch.child.wait().unwrap().code(), Some(0));
}

#[test]
fn an_answer_on_a_terminal_ends_with_its_rate_and_wait() {
    let owner = Owner::new();
    assert_eq!(owner.detach().code, Some(0));
    let asked = ["chat", "coder", "--max-tokens", "7", "Say something."];
    let (code, shown) = dialogue(&owner, &asked).end();
    assert_eq!(code, Some(0), "{shown}");
    assert!(shown.contains("(cut off at --max-tokens 7)"), "{shown}");
    assert!(
        shown.contains("(7 tokens at ") && shown.contains(" tok/s; first token after "),
        "{shown}"
    );
    // A pipe gets the answer alone, unless it asks for more.
    let piped = owner.0.run(asked);
    assert!(!piped.err.contains("tok/s"), "{piped:?}");
    let piped = owner.0.run(asked.into_iter().chain(["--stats"]));
    assert!(piped.err.contains("(7 tokens at ") && !piped.out.contains("tok/s"), "{piped:?}");
}
