//! An Ollama that runs as a plan says, with models in its store.

use std::fs::{self, File};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use harmonic_programs::ollama::{self, OllamaModel, Parameters};
use harmonic_programs::{InForce, Launch, Place, launch};
use harmonic_types::{
    Attention, Bytes, EnginePlan, EngineProgram, EngineSpec, KvType, ProcessSpec, Sampling, Tokens,
};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::Subject;
use crate::http::{Response, request};

/// Between looks at a server that starts.
const INTERVAL: Duration = Duration::from_millis(20);

/// Context of the plan.
pub const CONTEXT: Tokens = Tokens(1024);

#[derive(Debug)]
pub struct Server {
    process: Child,
    pub folder: TempDir,
    pub port: u16,
    pub planned: InForce,
}

pub fn place(port: u16, folder: &Path) -> Place {
    Place {
        host: "127.0.0.1".to_owned(),
        port,
        folder: folder.to_owned(),
        profile_paper: false,
        device_memory: None,
    }
}

/// A port that is free at this moment.
pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

pub fn process(subject: &Subject, program: EngineProgram) -> ProcessSpec {
    ProcessSpec {
        program,
        executable: Some(subject.executable.clone()),
        path: Some(subject.gguf.clone()),
        threads: 2,
        context: CONTEXT,
        kv_type: KvType::F16,
        attention: Attention::Flash,
    }
}

pub fn engine(process: &ProcessSpec, sequences: u32) -> EnginePlan {
    EnginePlan {
        id: "smollm2".to_owned(),
        spec: EngineSpec::Process(process.clone()),
        device: "cpu".to_owned(),
        model: "smollm2:135m".to_owned(),
        digest: None,
        format: "Q4_1".to_owned(),
        context_trained: None,
        agents: Vec::new(),
        slots: sequences,
        sequences,
        weights_bytes: Bytes::ZERO,
        kv_bytes: Bytes::ZERO,
        state_bytes: Bytes::ZERO,
        prefix_bytes: Bytes::ZERO,
        preempt_bytes: Bytes::ZERO,
        compute_bytes: Bytes::ZERO,
        overhead_bytes: Bytes::ZERO,
        total_bytes: Bytes::ZERO,
    }
}

impl Server {
    /// A server with the agents `a` and `b`, ready to answer.
    pub fn start(subject: &Subject, sequences: u32) -> Self {
        Self::start_with(subject, sequences, |_| {})
    }

    /// As [`Server::start`], with a changed launch.
    pub fn start_with(subject: &Subject, sequences: u32, change: impl FnOnce(&mut Launch)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let port = free_port();
        let process = process(subject, EngineProgram::Ollama);
        let engine = engine(&process, sequences);
        let mut launch = launch(&engine, &process, &place(port, folder.path())).unwrap();
        change(&mut launch);
        let child = spawn(&subject.executable, &launch, folder.path());
        let planned = InForce::planned(&engine, &process);
        let mut server = Self { process: child, folder, port, planned };
        server.wait();
        ollama::register(&server.store(), &["a", "b"].map(|name| model(subject, name))).unwrap();
        server
    }

    fn wait(&mut self) {
        while request(self.port, "/api/version", None).is_err() {
            let ended = self.process.try_wait().unwrap();
            assert!(ended.is_none(), "the server has ended: {}", self.log());
            thread::sleep(INTERVAL);
        }
    }

    pub fn store(&self) -> PathBuf {
        ollama::store(self.folder.path())
    }

    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap()
    }

    pub fn get(&self, path: &str) -> Value {
        let response = request(self.port, path, None).unwrap();
        assert_eq!(response.status, 200, "{path}");
        serde_json::from_str(&response.text()).unwrap()
    }

    /// A chat of `tokens` tokens, streamed.
    pub fn chat(&self, path: &str, tokens: u32, context: Tokens) -> Response {
        chat(self.port, path, tokens, context)
    }

    /// Processes that the server started and that run.
    pub fn runners(&self) -> Vec<u32> {
        children(self.process.id())
    }

    /// Kills the server alone.
    pub fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let runners = self.runners();
        let _ = self.process.kill();
        let _ = self.process.wait();
        for runner in runners {
            signal(runner, "KILL");
        }
    }
}

/// A server whose launch is used as it is, and its log in `folder`.
pub fn spawn(executable: &Path, launch: &Launch, folder: &Path) -> Child {
    let log = File::create(folder.join("log")).unwrap();
    let mut command = Command::new(executable);
    for name in &launch.remove {
        command.env_remove(name);
    }
    command
        .args(&launch.arguments)
        .envs(launch.environment.iter().map(|(name, value)| (name, value)))
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()
        .unwrap()
}

fn model(subject: &Subject, name: &str) -> OllamaModel {
    OllamaModel {
        name: name.to_owned(),
        gguf: subject.gguf.clone(),
        digest: subject.digest.clone(),
        family: "llama".to_owned(),
        format: "Q4_1".to_owned(),
        template: None,
        system: format!("You are {name}."),
        parameters: Parameters::of_agent(CONTEXT, &Sampling::default()).unwrap(),
        context: CONTEXT,
    }
}

pub fn chat(port: u16, path: &str, tokens: u32, context: Tokens) -> Response {
    let body = json!({
        "model": "a",
        "messages": [{"role": "user", "content": "Count to a thousand."}],
        "stream": true,
        "max_tokens": tokens,
        "options": {"num_predict": tokens, "num_ctx": context.0},
    });
    request(port, path, Some(&body)).unwrap()
}

pub fn signal(process: u32, name: &str) {
    let sent = Command::new("kill").args([format!("-{name}"), process.to_string()]).status();
    sent.unwrap();
}

/// Whether the process runs: it exists and is no zombie.
pub fn runs(process: u32) -> bool {
    state_and_parent(process).is_some_and(|(state, _)| state != 'Z')
}

fn state_and_parent(process: u32) -> Option<(char, u32)> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    let (_, rest) = stat.rsplit_once(") ")?;
    let mut fields = rest.split(' ');
    Some((fields.next()?.chars().next()?, fields.next()?.parse().ok()?))
}

fn children(parent: u32) -> Vec<u32> {
    let processes = fs::read_dir("/proc").unwrap().flatten();
    let ids = processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let is_child =
        |id: &u32| state_and_parent(*id).is_some_and(|(state, of)| of == parent && state != 'Z');
    ids.filter(is_child).collect()
}
