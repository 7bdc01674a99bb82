//! Runs the binary, isolated from the user's models and from every network.

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

use tempfile::TempDir;

/// Nothing listens on the discard port of loopback: connections are refused at once.
const NOWHERE: &str = "http://127.0.0.1:9";

/// User with an empty home.
pub struct User {
    home: TempDir,
}

/// Result of a run.
#[derive(Debug)]
pub struct Ran {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

impl User {
    pub fn new() -> Self {
        Self { home: tempfile::tempdir().unwrap() }
    }

    pub fn home(&self) -> &Path {
        self.home.path()
    }

    pub fn store(&self) -> PathBuf {
        self.home().join("models")
    }

    /// Path of a file in the user's home.
    pub fn file(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.home().join(name);
        std::fs::write(&path, content).unwrap();
        path
    }

    pub fn harmonic<'a>(&self, args: impl IntoIterator<Item = &'a str>) -> Command {
        let mut command = binary(args);
        command
            .current_dir(self.home())
            .env("HOME", self.home())
            .env("HARMONIC_MODELS", self.store())
            .env("HARMONIC_PORT", "0")
            .env("HF_ENDPOINT", NOWHERE)
            .env("PIP_INDEX_URL", NOWHERE)
            .env("PIP_NO_INDEX", "1")
            .env("NO_COLOR", "1")
            .env_remove("COLUMNS");
        for variable in [
            "XDG_CONFIG_HOME",
            "XDG_DATA_HOME",
            "XDG_STATE_HOME",
            "XDG_CACHE_HOME",
            "HF_HOME",
            "HF_HUB_CACHE",
            "LLAMA_CACHE",
            "OLLAMA_MODELS",
        ] {
            command.env_remove(variable);
        }
        command
    }

    pub fn run<'a>(&self, args: impl IntoIterator<Item = &'a str>) -> Ran {
        ran(&mut self.harmonic(args))
    }

    /// The same, on a terminal of that width.
    pub fn run_at<'a>(&self, columns: usize, args: impl IntoIterator<Item = &'a str>) -> Ran {
        ran(self.harmonic(args).env("COLUMNS", columns.to_string()))
    }

    /// Whether the store contains no complete file.
    pub fn has_no_model(&self) -> bool {
        ["names", "blobs"].iter().all(|folder| {
            std::fs::read_dir(self.store().join(folder)).is_ok_and(|mut all| all.next().is_none())
                || !self.store().join(folder).exists()
        })
    }
}

/// The binary, with the current environment.
pub fn binary<'a>(args: impl IntoIterator<Item = &'a str>) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_harmonic"));
    command.args(args).stdin(Stdio::null());
    for variable in [
        "HARMONIC_API_KEY",
        "HARMONIC_LOG",
        "HARMONIC_LOG_FORMAT",
        "HARMONIC_RUN",
        "HARMONIC_STACK",
        "RUST_LOG",
    ] {
        command.env_remove(variable);
    }
    command
}

pub fn ran(command: &mut Command) -> Ran {
    let output = command.output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Ran { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
}

impl Ran {
    /// Asserts a user error: exit code 1, a hint, and no data.
    #[track_caller]
    pub fn refuses(&self, words: &[&str]) {
        assert_eq!(self.code, Some(1), "{self:?}");
        assert_eq!(self.out, "", "{self:?}");
        assert!(self.err.contains("error: "), "{self:?}");
        for word in words {
            assert!(self.err.contains(word), "`{word}` is missing: {self:?}");
        }
    }

    /// The same, for a command that prints its work on stdout.
    #[track_caller]
    pub fn fails_with(&self, words: &str) {
        assert_eq!(self.code, Some(1), "{self:?}");
        assert!(self.err.contains(words), "{self:?}");
    }

    /// Asserts a usage error.
    #[track_caller]
    pub fn refuses_usage(&self, words: &str) {
        assert_eq!((self.code, self.out.as_str()), (Some(2), ""), "{self:?}");
        assert!(self.err.contains(words), "{self:?}");
    }

    /// Parses stdout as JSON.
    #[track_caller]
    pub fn json(&self) -> serde_json::Value {
        assert_eq!(self.code, Some(0), "{self:?}");
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

/// Running `harmonic up`. Killed on drop.
pub struct Server {
    child: Child,
    out: BufReader<ChildStdout>,
    pub url: String,
}

impl Server {
    /// Waits until it is ready.
    #[track_caller]
    pub fn start(command: &mut Command) -> Self {
        Self::start_with(command, Stdio::piped())
    }

    /// The same, with that stderr.
    #[track_caller]
    pub fn start_with(command: &mut Command, stderr: impl Into<Stdio>) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(stderr).spawn().unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let mut url = String::new();
        out.read_line(&mut url).unwrap();
        if url.is_empty() {
            let mut said = String::new();
            child.stderr.take().map(|mut stderr| stderr.read_to_string(&mut said).unwrap());
            panic!("the server did not start: {said}");
        }
        Self { child, out, url: url.trim().to_owned() }
    }

    /// Sends `TERM` or `INT`.
    pub fn signal(&self, name: &str) {
        signal(&self.child, name);
    }

    /// Waits for the process to end.
    pub fn end(mut self) -> Ran {
        let (mut out, mut err) = (String::new(), String::new());
        self.out.read_to_string(&mut out).unwrap();
        self.child.stderr.take().map(|mut stderr| stderr.read_to_string(&mut err).unwrap());
        Ran { code: self.child.wait().unwrap().code(), out, err }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The shell's builtin `kill`, because a minimal system has no other.
pub fn signal(child: &Child, name: &str) {
    let command = format!("kill -{name} {}", child.id());
    assert!(Command::new("sh").args(["-c", &command]).status().unwrap().success());
}
