//! Client program as its user runs it: with its own home, a time limit, and no network but the
//! server.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

/// Longer than any answer; hanging programs are killed.
const LIMIT_S: &str = "300";

pub struct Program {
    command: Command,
    home: TempDir,
}

/// Result of a run.
#[derive(Debug)]
pub struct Ran {
    command: String,
    code: Option<i32>,
    pub out: String,
    err: String,
}

/// Directory where `scripts/clients.sh` installs the clients.
pub fn installed(path: &str) -> PathBuf {
    let targets = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
    let (platform, target) = match std::env::consts::ARCH {
        "aarch64" => ("linux-arm64", "aarch64-unknown-linux-musl"),
        _ => ("linux-x64", "x86_64-unknown-linux-musl"),
    };
    let path =
        targets.join("clients").join(path.replace("PLATFORM", platform).replace("TARGET", target));
    assert!(path.exists(), "{} is not there: run `make test-real`", path.display());
    path
}

impl Program {
    pub fn new(path: &str) -> Self {
        let home = tempfile::tempdir().unwrap();
        let mut command = Command::new("timeout");
        command
            .args(["--kill-after=5", LIMIT_S])
            .arg(installed(path))
            .current_dir(home.path())
            .env_clear()
            .env(
                "PATH",
                std::env::var_os("PATH").unwrap_or_else(|| OsString::from("/usr/bin:/bin")),
            )
            .env("HOME", home.path())
            .env("LANG", "C.UTF-8")
            .env("NO_COLOR", "1")
            .env("TERM", "dumb")
            .env("NO_PROXY", "127.0.0.1")
            .stdin(Stdio::null());
        Self { command, home }
    }

    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.command.env(name, value);
        self
    }

    /// File in its home, which is its working directory.
    pub fn file(self, name: &str, content: &str) -> Self {
        std::fs::write(self.home.path().join(name), content).unwrap();
        self
    }

    pub fn run(mut self, args: &[&str]) -> Ran {
        self.command.args(args);
        let output = self.command.output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Ran {
            command: args.join(" "),
            code: output.status.code(),
            out: text(&output.stdout),
            err: text(&output.stderr),
        }
    }
}

impl Ran {
    /// All that its user sees.
    pub fn said(&self) -> String {
        format!("{}{}", self.out, self.err)
    }

    #[track_caller]
    pub fn succeeds(&self, words: &[&str]) {
        assert_eq!(self.code, Some(0), "{self:?}");
        for word in words {
            assert!(self.out.contains(word), "{}: `{word}` is missing: {self:?}", self.command);
        }
    }

    #[track_caller]
    pub fn fails(&self) {
        // 124 and 137 come from `timeout`, 2 from Go's panics.
        assert!(matches!(self.code, Some(code) if ![0, 2, 124, 137].contains(&code)), "{self:?}");
    }

    #[track_caller]
    pub fn fails_with(&self, words: &str) {
        self.fails();
        assert!(self.said().contains(words), "{}: `{words}` is missing: {self:?}", self.command);
    }
}
