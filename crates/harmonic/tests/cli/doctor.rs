//! `doctor`: advice as a document and as text, and the exit code.

use std::fs;

use serde_json::Value;

use crate::harness::{Ran, User, ran};

/// A recorded machine in the user's home: 16 GB, without problems.
fn machine(user: &User) {
    file(user, "proc/cpuinfo", "processor : 0\nmodel name : A CPU\nflags : avx2\n");
    file(user, "proc/meminfo", "MemTotal: 16000000 kB\nMemAvailable: 15000000 kB\n");
}

fn file(user: &User, path: &str, text: &str) {
    let path = user.home().join("machine").join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

fn doctor(user: &User, more: &[&str]) -> Ran {
    user.run(["doctor", "--sysroot", "machine"].into_iter().chain(more.iter().copied()))
}

fn document(ran: &Ran) -> Value {
    serde_json::from_str(&ran.out).unwrap_or_else(|error| panic!("{error}: {ran:?}"))
}

#[test]
fn a_machine_in_order_has_no_problems() {
    let user = User::new();
    machine(&user);
    let people = doctor(&user, &[]);
    assert_eq!(people.code, Some(0), "{people:?}");
    assert_eq!(people.out, "all is well: no problems found\n", "and nothing about other engines");
    let document = doctor(&user, &["--json"]).json();
    assert_eq!(document["schema"], "harmonic.doctor/1");
    assert_eq!(document["findings"], Value::Array(Vec::new()));
    let setting = &document["settings"][0];
    assert_eq!(
        (&setting["engine"], &setting["variable"]),
        (&"ollama".into(), &"OLLAMA_NUM_PARALLEL".into())
    );
}

#[test]
fn a_finding_says_what_why_and_how_within_the_width() {
    let user = User::new();
    machine(&user);
    file(&user, "proc/40/comm", "ollama\n");
    file(&user, "proc/40/cmdline", "ollama\0serve\0");
    file(&user, "proc/40/environ", "OLLAMA_HOST=0.0.0.0\0");
    let people = user.run_at(80, ["doctor", "--sysroot", "machine"]);
    assert_eq!(people.code, Some(0), "a warning is no error: {people:?}");
    let conclusion = "harmonic runs here, with less memory or speed than the machine has: found 1";
    assert!(people.out.starts_with(conclusion), "{people:?}");
    let words = people.out.split_whitespace().collect::<Vec<_>>().join(" ");
    for part in [
        "warning ollama-num-parallel seen Ollama answers one request at a time",
        "why the paper measured 51 tok/s with 1 request and 61 with 8",
        "fix `sudo mkdir -p /etc/systemd/system/ollama.service.d",
        "found 1 warning",
    ] {
        assert!(words.contains(part), "`{part}` is missing: {people:?}");
    }
    let findings = document(&doctor(&user, &["--json"]))["findings"].clone();
    for field in ["code", "severity", "message", "why", "hint"] {
        assert!(findings[0][field].is_string(), "{field}: {findings}");
    }
}

#[test]
fn settings_of_other_engines_are_shown_where_they_are_installed_or_asked_for() {
    let user = User::new();
    machine(&user);
    let shown = |more: &[&str]| {
        let out = doctor(&user, more).out;
        ["ollama: OLLAMA_NUM_PARALLEL", "llama-server: GOMP_SPINCOUNT"].map(|one| out.contains(one))
    };
    assert_eq!(shown(&[]), [false, false]);
    assert_eq!(shown(&["--engine", "ollama"]), [true, false]);
    assert_eq!(shown(&["--engine", "ollama", "--engine", "llama-server"]), [true, true]);
    assert_eq!(shown(&["--paper"]), [true, false], "the paper's engine");
    file(&user, "usr/local/bin/llama-server", "");
    assert_eq!(shown(&[]), [false, true]);
    file(&user, "proc/40/comm", "ollama\n");
    assert_eq!(shown(&[]), [true, true]);
    let document = doctor(&user, &["--json"]).json();
    assert_eq!(document["settings"][0]["installed"], true);
}

#[test]
fn an_error_is_exit_code_1_with_the_whole_document() {
    let user = User::new();
    machine(&user);
    file(&user, "proc/meminfo", "MemTotal: 16000000 kB\nMemAvailable: 100000 kB\n");
    let ran = doctor(&user, &["--json"]);
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert_eq!(document(&ran)["findings"][0]["severity"], "error");
}

#[test]
fn the_papers_settings_come_on_request_only() {
    let user = User::new();
    machine(&user);
    let parallel = |more: &[&str]| {
        let settings = document(&doctor(&user, more))["settings"].clone();
        let all = settings.as_array().unwrap().iter();
        let one = all.clone().find(|setting| setting["variable"] == "OLLAMA_NUM_PARALLEL");
        one.unwrap()["value"].clone()
    };
    assert_ne!(parallel(&["--json"]), "64");
    assert_eq!(parallel(&["--json", "--paper"]), "64");
}

#[test]
fn local_variables_do_not_affect_the_advice_for_another_machine() {
    let user = User::new();
    machine(&user);
    let mut command = user.harmonic(["doctor", "--sysroot", "machine", "--json"]);
    let document = ran(command.env("HSA_OVERRIDE_GFX_VERSION", "11.0.0")).json();
    assert_eq!(document["findings"], Value::Array(Vec::new()));
    let here = ran(user.harmonic(["doctor", "--json"]).env("HSA_OVERRIDE_GFX_VERSION", "11.0.0"));
    assert!(here.out.contains("\"hsa-override-set\""), "{here:?}");
}

#[test]
fn detect_shows_the_advice_among_its_warnings() {
    let user = User::new();
    machine(&user);
    file(&user, "etc/systemd/system/ollama.service", "[Service]\nExecStart=ollama serve\n");
    let document = user.run(["detect", "--sysroot", "machine", "--json"]).json();
    let warnings = document["warnings"].as_array().unwrap();
    let codes: Vec<&Value> = warnings.iter().map(|warning| &warning["code"]).collect();
    assert_eq!(codes, ["ollama-num-parallel"]);
    assert!(document["environment"]["OLLAMA_NUM_PARALLEL"].is_string(), "{document}");
}

#[test]
fn an_empty_sysroot_is_an_error_and_not_a_guess() {
    let user = User::new();
    fs::create_dir(user.home().join("machine")).unwrap();
    doctor(&user, &[]).refuses(&["/proc/meminfo", "does not exist"]);
}
