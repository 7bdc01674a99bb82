//! What a plan gives up for lack of memory, and what may be asked of it.

use crate::harness::User;

/// What a newcomer with 25 GB sees: what was given up, and what would bring it back.
#[test]
fn every_trade_has_a_line_with_its_figures() {
    let user = User::new();
    let args = "plan --stack standard --hardware generic-24gb --explain";
    let plan = user.run(args.split(' '));
    let trades: Vec<&str> =
        plan.out.split("\n\n").filter(|part| part.contains("given up: ")).collect();
    insta::assert_snapshot!(trades.join("\n\n"));
    let json = user.run(args.split(' ').chain(["--json"])).json();
    for trade in json["trades"].as_array().unwrap() {
        let subject = trade["agent"].as_str().or(trade["engine"].as_str()).unwrap();
        assert!(plan.out.contains(&format!("\n{subject}: ")), "{trade}");
        if trade["kind"] != "kv-type-not-taken" {
            assert!(trade["more_bytes"].as_u64().unwrap() > 0, "{trade}");
        }
    }
}

#[test]
fn a_context_and_slots_may_be_asked_for() {
    let user = User::new();
    let plan = |args: &str| {
        let base = "plan --stack starter --hardware generic-64gb --json";
        user.run(base.split(' ').chain(args.split(' '))).json()
    };
    let asked = plan("--context 4096 --slots coder=12 --slots analyst=1");
    let agents = asked["agents"].as_array().unwrap();
    assert!(agents.iter().all(|agent| agent["context"] == 4096));
    let slots = |name: &str| {
        let agent = agents.iter().find(|agent| agent["name"] == name).unwrap();
        agent["slots"].as_u64().unwrap()
    };
    assert_eq!((slots("executive"), slots("coder"), slots("analyst")), (8, 12, 1));

    let small = user.run("plan --hardware generic-16gb --context 32768 --json".split(' ')).json();
    for agent in small["agents"].as_array().unwrap() {
        assert!(agent["engine"].is_null() || agent["context"] == 32_768, "{agent}");
    }
    let refusals: [(&str, &[&str]); 4] = [
        ("--slots plumber=2", &["has no agent `plumber`", "executive", "analyst"]),
        ("--slots coder=2 --slots coder=3", &["duplicate slots of `coder`"]),
        ("--context 4096 --what-if context=2048", &["--context and --what-if context="]),
        (
            "--stack starter --context 1000000000 --hardware generic-8gb --slots nobody=1",
            &["nobody"],
        ),
    ];
    for (args, words) in refusals {
        user.run(["plan"].into_iter().chain(args.split(' '))).refuses(words);
    }
    user.run(["plan", "--slots", "coder"]).refuses_usage("expected AGENT=N");
    user.run(["plan", "--slots", "coder=0"]).refuses_usage("from 1 to 256");
    user.run(["plan", "--context", "0"]).refuses_usage("invalid context `0`: expected");
}
