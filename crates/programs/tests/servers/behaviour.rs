//! What an Ollama does, as far as a launcher depends on it
//! (`docs/sources.md#behaviour-of-ollama`).

use std::fs;
use std::net::TcpListener;
use std::thread;
use std::time::{Duration, Instant};

use harmonic_programs::ollama::{judge, server_config, unregister};
use harmonic_programs::{Launch, ollama};
use harmonic_types::Tokens;
use serde_json::{Value, json};

use crate::Subject;
use crate::http::request;
use crate::server::{CONTEXT, Server, chat, runs, signal, spawn};

const CHAT: &str = "/api/chat";

/// Tokens of an answer during which other answers begin.
const LONG: u32 = 60;

/// Removes a variable of the plan.
fn unset(launch: &mut Launch, names: &[&str]) {
    launch.environment.retain(|(name, _)| !names.contains(&name.as_str()));
}

/// Streams that were between their first and their last token at the same time, of `n` that were
/// asked for at once. Answers end where the model ends them, at the latest after [`LONG`] tokens.
fn overlap(port: u16, n: u32) -> usize {
    let intervals: Vec<(Instant, Instant)> = thread::scope(|scope| {
        let asked: Vec<_> = (0..n).map(|_| scope.spawn(move || interval(port))).collect();
        asked.into_iter().filter_map(|answer| answer.join().unwrap()).collect()
    });
    let at = |moment: Instant| {
        intervals.iter().filter(|(first, last)| *first <= moment && moment <= *last).count()
    };
    intervals.iter().map(|(first, _)| at(*first)).max().unwrap_or_default()
}

/// When the first and the last token of an answer came; `None` if it had none.
fn interval(port: u16) -> Option<(Instant, Instant)> {
    let mut answer = chat(port, CHAT, LONG, CONTEXT);
    assert_eq!(answer.status, 200);
    let mut interval = None;
    while let Some(line) = answer.line() {
        let line: Value = serde_json::from_str(&line).unwrap();
        if line["done"] == true {
            return interval;
        }
        let now = Instant::now();
        interval = Some((interval.map_or(now, |(first, _)| first), now));
    }
    panic!("an answer without its end");
}

/// Loads the model, so that the answers that follow begin at once.
fn preload(server: &Server) {
    let last = server.chat(CHAT, 1, CONTEXT).text();
    assert!(last.contains("\"done\":true") || last.contains("\"done\": true"), "{last}");
}

pub fn registered_models_are_listed_and_answer_without_a_copy_of_their_file(subject: &Subject) {
    let server = Server::start(subject, 2);
    let listed = server.get("/api/tags");
    let mut names: Vec<&str> = listed["models"]
        .as_array()
        .unwrap()
        .iter()
        .map(|model| model["name"].as_str().unwrap())
        .collect();
    names.sort_unstable();
    assert_eq!(names, ["a:latest", "b:latest"]);
    let shown = request(server.port, "/api/show", Some(&json!({"model": "b"}))).unwrap();
    let shown: Value = serde_json::from_str(&shown.text()).unwrap();
    assert_eq!(shown["system"], "You are b.");
    preload(&server);
    let loaded = server.get("/api/ps");
    assert_eq!(loaded["models"][0]["context_length"], CONTEXT.0);
    let gguf = fs::metadata(&subject.gguf).unwrap().len();
    let blobs = fs::read_dir(server.store().join("blobs")).unwrap().flatten();
    let files = blobs.filter(|blob| !blob.file_type().unwrap().is_symlink());
    let bytes: u64 = files.map(|blob| blob.metadata().unwrap().len()).sum();
    assert!(bytes < 10_000, "{bytes} bytes beside the link to {gguf}");
    assert_eq!(server.runners().len(), 1, "both agents have one runner");
}

pub fn as_many_answers_run_at_once_as_the_plan_says(subject: &Subject) {
    let server = Server::start(subject, 4);
    preload(&server);
    // One more than there are slots, until all slots were seen at work: an answer may be short.
    let mut seen = Vec::new();
    while seen.len() < 10 && !seen.contains(&4) {
        seen.push(overlap(server.port, 5));
    }
    assert_eq!(seen.iter().max(), Some(&4), "{seen:?}");
}

pub fn without_settings_one_answer_runs_at_a_time_and_the_log_says_so(subject: &Subject) {
    let unset_all = |launch: &mut Launch| {
        unset(launch, &["OLLAMA_NUM_PARALLEL", "OLLAMA_CONTEXT_LENGTH", "OLLAMA_KEEP_ALIVE"]);
    };
    let server = Server::start_with(subject, 4, unset_all);
    preload(&server);
    assert_eq!(overlap(server.port, 4), 1);
    let findings = judge(&server_config(&server.log()).unwrap(), &server.planned);
    let codes: Vec<&str> = findings.iter().map(|finding| finding.code.as_str()).collect();
    assert_eq!(codes, ["ollama-num-parallel", "ollama-context-length", "ollama-keep-alive"]);
}

pub fn the_log_of_a_planned_server_has_the_settings_of_the_plan(subject: &Subject) {
    let server = Server::start(subject, 4);
    let settings = server_config(&server.log()).unwrap();
    assert_eq!(settings["OLLAMA_NUM_PARALLEL"], "4");
    assert_eq!(settings["OLLAMA_MODELS"], server.store().to_str().unwrap());
    assert_eq!(judge(&settings, &server.planned), []);
}

pub fn another_context_loads_the_model_anew(subject: &Subject) {
    let server = Server::start(subject, 2);
    preload(&server);
    let before = server.runners();
    preload(&server);
    assert_eq!(server.runners(), before);
    server.chat(CHAT, 1, Tokens(CONTEXT.0 * 2)).text();
    assert_ne!(server.runners(), before);
    assert_eq!(server.get("/api/ps")["models"][0]["context_length"], CONTEXT.0 * 2);
}

pub fn a_full_queue_of_cold_requests_is_refused(subject: &Subject) {
    let short = |launch: &mut Launch| {
        unset(launch, &["OLLAMA_MAX_QUEUE"]);
        launch.environment.push(("OLLAMA_MAX_QUEUE".to_owned(), "2".into()));
    };
    let server = Server::start_with(subject, 2, short);
    let answers: Vec<(u16, String)> = thread::scope(|scope| {
        let ask = || {
            let answer = server.chat(CHAT, 1, CONTEXT);
            (answer.status, answer.text())
        };
        let asked: Vec<_> = (0..16).map(|_| scope.spawn(ask)).collect();
        asked.into_iter().map(|answer| answer.join().unwrap()).collect()
    });
    let refused: Vec<&String> =
        answers.iter().filter(|(status, _)| *status == 503).map(|(_, text)| text).collect();
    assert!(!refused.is_empty() && refused.len() < 16, "{answers:?}");
    assert!(refused.iter().all(|text| text.contains("maximum pending requests exceeded")));
    assert!(answers.iter().all(|(status, _)| [200, 503].contains(status)), "{answers:?}");
    // Warm, all wait.
    preload(&server);
    thread::scope(|scope| {
        for _ in 0..16 {
            scope.spawn(|| assert_eq!(server.chat(CHAT, 1, CONTEXT).status, 200));
        }
    });
}

pub fn an_answer_whose_runner_ends_has_no_end_and_the_next_one_has(subject: &Subject) {
    let server = Server::start(subject, 2);
    for path in [CHAT, "/v1/chat/completions"] {
        preload(&server);
        let [runner] = server.runners()[..] else { panic!("{:?}", server.runners()) };
        let mut answer = server.chat(path, 500, CONTEXT);
        let first = answer.line().unwrap();
        assert!(first.contains("assistant"), "{first}");
        signal(runner, "KILL");
        let rest = answer.text();
        let ends = [
            "[DONE]",
            "\"done\":true",
            "\"done\": true",
            "\"finish_reason\":\"",
            "\"finish_reason\": \"",
        ];
        assert!(ends.iter().all(|end| !rest.contains(end)), "{path}: {rest}");
        assert_eq!(path == CHAT, rest.contains("\"error\""), "{path}: {rest}");
        preload(&server);
        assert!(!server.runners().contains(&runner));
    }
}

pub fn a_runner_outlives_its_killed_server(subject: &Subject) {
    let mut server = Server::start(subject, 2);
    preload(&server);
    let [runner] = server.runners()[..] else { panic!("{:?}", server.runners()) };
    server.kill();
    assert!(runs(runner), "the guard would not be needed");
    signal(runner, "KILL");
    while runs(runner) {
        thread::sleep(Duration::from_millis(10));
    }
}

pub fn a_port_that_is_taken_ends_the_server_with_an_error(subject: &Subject) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let host = listener.local_addr().unwrap().to_string();
    let environment = vec![
        ("OLLAMA_HOST".to_owned(), host.into()),
        ("HOME".to_owned(), folder.path().into()),
        ("OLLAMA_MODELS".to_owned(), ollama::store(folder.path()).into()),
    ];
    let launch = Launch { arguments: vec!["serve".into()], environment, remove: Vec::new() };
    let code = spawn(&subject.executable, &launch, folder.path()).wait().unwrap().code();
    let log = fs::read_to_string(folder.path().join("log")).unwrap();
    assert_eq!(code, Some(1), "{log}");
    assert!(log.contains("bind: address already in use"), "{log}");
}

pub fn a_removed_model_is_unknown(subject: &Subject) {
    let server = Server::start(subject, 2);
    unregister(&server.store(), &["a".to_owned()]).unwrap();
    let answer = server.chat(CHAT, 1, CONTEXT);
    assert_eq!((answer.status, answer.text().contains("not found")), (404, true));
    let listed = server.get("/api/tags");
    assert_eq!(listed["models"].as_array().unwrap().len(), 1, "{listed}");
    assert!(subject.gguf.exists());
}
