//! A team on a port of its own: `--port` names it in every command.

use crate::background::{Owner, TEAM, free_port};
use crate::harness::{Ran, User};

/// Starts a team in the background on `port`.
fn detach(owner: &Owner, port: &str) -> Ran {
    owner.0.run(["up", "--detach", "--port", port].into_iter().chain(TEAM))
}

#[test]
fn every_command_for_a_local_server_takes_its_port() {
    let owner = Owner::new();
    let ports = [free_port(), free_port()];
    for port in &ports {
        let up = detach(&owner, port);
        assert_eq!(up.code, Some(0), "{up:?}");
    }
    let [first, second] = ports.each_ref().map(String::as_str);
    owner.0.run(["ps", "--watch"]).refuses(&["2 teams run here", first, second, "--port"]);
    owner.0.run(["logs"]).refuses(&["2 teams run here", first, second, "--port"]);
    let asked = owner.0.run(["chat", "coder", "--port", second, "Say something."]);
    assert_eq!(asked.code, Some(0), "{asked:?}");
    let status = owner.0.run(["ps", "--port", second, "--json"]).json();
    let teams = status["teams"].as_array().unwrap();
    assert_eq!((teams.len(), teams[0]["port"].to_string().as_str()), (1, second));
    let logs = owner.0.run(["logs", "--port", second]);
    assert!(logs.out.contains(&format!(":{second}")), "{logs:?}");
    let quick = ["bench", "--quick", "--trials", "1", "--levels", "1", "--no-out", "--json"];
    let measured = owner.0.run(quick.into_iter().chain(["--port", second])).json();
    assert!(measured["target"].as_str().unwrap().ends_with(second), "{measured}");
    let again = detach(&owner, second);
    again.refuses(&[&format!("`harmonic down --port {second}` stops it")]);
    assert_eq!(owner.0.run(["down", "--port", second]).code, Some(0));
    // The one that is left is meant without a port.
    assert_eq!(owner.0.run(["chat", "coder", "Say something."]).code, Some(0));
    for args in [
        vec!["chat", "coder", "--port", second, "Hello"],
        vec!["ps", "--port", second],
        vec!["ps", "--watch", "--port", second],
        vec!["down", "--port", second],
    ] {
        let what = format!("no team runs on port {second}");
        owner.0.run(args).refuses(&[&what]);
    }
}

#[test]
fn a_port_in_use_is_the_only_thing_said() {
    let owner = Owner::new();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    for detach in [&["--detach"][..], &[]] {
        let args = ["up", "--port", &port].into_iter().chain(TEAM).chain(detach.iter().copied());
        let refused = owner.0.run(args);
        refused.refuses(&["uses the port", &port]);
        let err = &refused.err;
        assert!(err.starts_with("error: ") && !err.contains("slots"), "{err}");
    }
}

#[test]
fn a_command_that_takes_no_address_offers_none() {
    let user = User::new();
    for args in [&["logs"][..], &["logs", "--port", "4999"], &["ps", "--port", "4999"]] {
        let refused = user.run(args.iter().copied());
        refused.refuses(&["harmonic up --detach"]);
        assert!(!refused.err.contains("--url"), "{refused:?}");
    }
    user.run(["chat", "coder", "--port", "4999", "Hello"]).refuses(&["--url"]);
}

#[test]
fn the_default_port_needs_no_option() {
    let user = User::new();
    let mut down = user.harmonic(["chat", "coder", "Hello"]);
    let refused = crate::harness::ran(down.env("HARMONIC_PORT", "4276"));
    refused.refuses(&["no team runs here", "harmonic up --detach"]);
}
