//! Runs a directory of Python test cases against a server.

use std::path::Path;
use std::process::Command;

use crate::environment::python;

/// Environment variables that configure the client libraries' servers and credentials.
const OF_THE_CLIENTS: [&str; 10] = [
    "ANTHROPIC_API_KEY",
    "ANTHROPIC_AUTH_TOKEN",
    "ANTHROPIC_BASE_URL",
    "OLLAMA_API_KEY",
    "OLLAMA_HOST",
    "OPENAI_API_KEY",
    "OPENAI_BASE_URL",
    "OPENAI_ORG_ID",
    "OPENAI_PROJECT_ID",
    "PYTEST_ADDOPTS",
];

/// Runs the cases of `folder` against the server at `url`; returns the number of passed ones.
///
/// # Errors
/// Pytest's output for failed cases.
pub fn run(folder: &str, url: &str) -> Result<usize, String> {
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sdk");
    // Files that pytest and hypothesis would write next to the sources go below the target
    // directory.
    let scratch = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let mut pytest = Command::new(python());
    pytest
        .args(["-m", "pytest", "--quiet", "--color=no", "--durations=5", "-p", "no:cacheprovider"])
        .arg("-c")
        .arg(sources.join("pytest.ini"))
        .arg("--rootdir")
        .arg(&sources)
        .arg(sources.join(folder))
        .current_dir(scratch.path())
        .env("HARMONIC_URL", url)
        .env("NO_PROXY", "127.0.0.1")
        .env("PYTHONDONTWRITEBYTECODE", "1");
    for variable in OF_THE_CLIENTS {
        pytest.env_remove(variable);
    }
    let output = pytest.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let complained = String::from_utf8_lossy(&output.stderr);
    show(&said);
    match passed(&said) {
        Some(passed) if output.status.success() => Ok(passed),
        _ => Err(format!("{folder}: {}\n{said}\n{complained}", output.status)),
    }
}

/// Pytest's output for passed cases, such as the slowest ones, is shown with `--nocapture`.
#[expect(clippy::print_stdout, reason = "captured by the test harness")]
fn show(said: &str) {
    println!("{said}");
}

/// Number of passed cases from the last line, such as `64 passed in 31.05s`.
fn passed(said: &str) -> Option<usize> {
    let line = said.lines().rfind(|line| line.contains(" passed"))?;
    let (before, _) = line.split_once(" passed")?;
    before.rsplit([' ', ',']).next()?.parse().ok()
}
