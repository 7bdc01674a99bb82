//! Version of a program, and whether it is among those tested.

use std::fmt;
use std::io::Read;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use harmonic_types::{EngineProgram, Finding};

use crate::error::ProgramError;

/// Longest output that is read.
const MAX_OUTPUT: u64 = 64 * 1024;

/// Time after which a probe is ended. vLLM imports its libraries first.
const PROBE_LIMIT: Duration = Duration::from_mins(2);

/// Interval at which the end of a probe is looked for.
const PROBE_INTERVAL: Duration = Duration::from_millis(10);

/// Version of a program: `major.minor.patch`, or the number of a build (llama-server).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version(Vec<u64>);

impl Version {
    /// The version at the beginning of `text`, after an optional `v`; what follows the numbers
    /// (`-rc1`, `.dev0+g12`) is left out.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.strip_prefix('v').unwrap_or(text);
        let end = text.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(text.len());
        let numbers = text[..end].trim_end_matches('.').split('.').map(str::parse);
        let numbers = numbers.collect::<Result<Vec<u64>, _>>().ok()?;
        (!numbers.is_empty()).then_some(Self(numbers))
    }

    /// Whether it is a version of the same minor series: `0.33.1` is of `0.33`.
    fn is_of(&self, series: &[u64]) -> bool {
        self.0.starts_with(series)
    }

    /// Whether it is `major.minor` or later.
    pub(crate) fn is_from(&self, major: u64, minor: u64) -> bool {
        self.0.as_slice() >= [major, minor].as_slice()
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let numbers: Vec<String> = self.0.iter().map(u64::to_string).collect();
        f.pad(&numbers.join("."))
    }
}

/// The version that `executable --version` states.
///
/// # Errors
/// If it does not start, does not end in time, or states none.
pub fn version(program: EngineProgram, executable: &Path) -> Result<Version, ProgramError> {
    let output = output(executable, PROBE_LIMIT)?;
    stated(program, &output).ok_or_else(|| ProgramError::NoVersion {
        program,
        path: executable.to_owned(),
        output: output.trim().chars().take(200).collect(),
    })
}

/// The version in the output of `--version`.
fn stated(program: EngineProgram, output: &str) -> Option<Version> {
    let after = |mark: &str| {
        let (_, rest) = output.split_once(mark)?;
        Version::parse(rest.trim_start())
    };
    match program {
        // Without a server it states only the client's, which is its own.
        EngineProgram::Ollama => after("client version is").or_else(|| after("ollama version is")),
        // Its builds are numbered; older ones state nothing else.
        EngineProgram::LlamaServer => after("(build").or_else(|| after("version:")),
        // Warnings of its libraries come first.
        EngineProgram::Vllm => output.lines().rev().find_map(|line| Version::parse(line.trim())),
    }
}

/// Standard output and error of `executable --version`, at most [`MAX_OUTPUT`] bytes of each.
fn output(executable: &Path, limit: Duration) -> Result<String, ProgramError> {
    let failed = |source| ProgramError::Probe { path: executable.to_owned(), source };
    let mut child = Command::new(executable)
        .arg("--version")
        // Ollama asks the server there for its version: port 1 of this machine has none.
        .env("OLLAMA_HOST", "127.0.0.1:1")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(failed)?;
    let (sender, texts) = mpsc::channel();
    collect(child.stdout.take(), sender.clone());
    collect(child.stderr.take(), sender);
    let deadline = Instant::now() + limit;
    while child.try_wait().map_err(failed)?.is_none() {
        if Instant::now() >= deadline {
            end(&mut child);
            let seconds = limit.as_secs();
            return Err(ProgramError::ProbeTimeout { path: executable.to_owned(), seconds });
        }
        thread::sleep(PROBE_INTERVAL);
    }
    // A grandchild that holds the pipes is not waited for beyond the limit.
    let mut output = String::new();
    while let Ok(text) = texts.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
        output.push_str(&text);
        output.push('\n');
    }
    Ok(output)
}

/// Sends what `pipe` brings, once it ends.
fn collect(pipe: Option<impl Read + Send + 'static>, sender: mpsc::Sender<String>) {
    let Some(mut pipe) = pipe else { return };
    thread::spawn(move || {
        let mut bytes = Vec::new();
        // What came before an error counts.
        let _ = pipe.by_ref().take(MAX_OUTPUT).read_to_end(&mut bytes);
        let _ = sender.send(String::from_utf8_lossy(&bytes).into_owned());
        // A full pipe would stop the program.
        let _ = std::io::copy(&mut pipe, &mut std::io::sink());
    });
}

fn end(child: &mut Child) {
    // Both fail only if it has ended.
    let _ = child.kill();
    let _ = child.wait();
}

/// Series of versions that were tested: `docs/sources.md#tested-engine-programs`.
const fn tested_series(program: EngineProgram) -> &'static [&'static [u64]] {
    match program {
        EngineProgram::Ollama => &[&[0, 15], &[0, 32], &[0, 33]],
        EngineProgram::LlamaServer => &[&[11434]],
        EngineProgram::Vllm => &[],
    }
}

/// Whether `version` is of a tested series.
///
/// # Errors
/// A finding that names those tested.
pub fn tested(program: EngineProgram, version: &Version) -> Result<(), Finding> {
    let series = tested_series(program);
    if series.iter().any(|series| version.is_of(series)) {
        return Ok(());
    }
    let names: Vec<String> =
        series.iter().map(|series| Version(series.to_vec()).to_string()).collect();
    let known = match names.as_slice() {
        [] => format!("no version of {program} was tested"),
        names => format!("tested: {}", names.join(", ")),
    };
    Err(Finding::new(
        "untested-engine-version",
        format!("{program} {version} was not tested with this program ({known})"),
        "compare `harmonic ps` with the plan after the start, or install a tested version",
    ))
}

#[cfg(test)]
mod tests;
