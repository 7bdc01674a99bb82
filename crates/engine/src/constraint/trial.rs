//! Trial compilation of a form in a separate process with resource limits.
//!
//! Unlike a library call, a process can be killed: it ends when the request is cancelled, when its
//! parent dies, and at its limits of memory and processor time.

use std::ffi::OsString;
use std::io::{Read, Write};
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;
use std::{io, thread};

use serde::{Deserialize, Serialize};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::runtime::Handle;

use super::compiler::CompileError;
use super::form::{Form, Source};
use super::grammars::{Failed, attempt, factory};
use super::limits;
use super::token_table::TokenTable;

/// Command of the trial process: a program that calls [`run_trial`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FormTrial {
    /// Path of the program.
    pub program: PathBuf,
    /// Arguments that make it call [`run_trial`].
    pub arguments: Vec<OsString>,
}

/// Result of a trial, exchanged as JSON.
#[derive(Debug, Serialize, Deserialize)]
enum Verdict {
    Compiled,
    Failed { part: Option<usize>, reason: String },
    Panicked,
}

impl FormTrial {
    /// Tries `form` over the vocabulary encoded in `table`. Dropping the future kills the process.
    ///
    /// # Errors
    /// [`CompileError`] if the form is invalid or exceeds the limits, or the process fails to
    /// start.
    pub(super) async fn run(&self, table: Arc<[u8]>, form: &Form) -> Result<(), CompileError> {
        let source = serde_json::to_vec(&form.source)
            .map_err(|error| CompileError::Failed(error.to_string()))?;
        let unstarted =
            |error: io::Error| CompileError::Failed(format!("cannot run its trial: {error}"));
        let child = Command::new(&self.program)
            .args(&self.arguments)
            .env_clear()
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .map_err(unstarted)?;
        let mut child = Reaped(Some(child));
        let (stdin, stdout) = child.pipes();
        let mut said = Vec::new();
        let listen = async {
            if let Some(mut stdout) = stdout {
                // Output before a read error counts.
                let _read = stdout.read_to_end(&mut said).await;
            }
        };
        tokio::join!(tell(stdin, &table, &source), listen);
        // It has closed its output, so it has ended or is about to.
        child.ended().await.map_err(unstarted)?;
        match serde_json::from_slice(&said) {
            Ok(Verdict::Compiled) => Ok(()),
            Ok(Verdict::Failed { part, reason }) => Err(form.error(part, reason).into()),
            Ok(Verdict::Panicked) | Err(_) => Err(form.error(None, too_costly()).into()),
        }
    }
}

/// Child process that is killed and reaped when dropped before it has ended, so that no zombie
/// stays.
struct Reaped(Option<Child>);

impl Reaped {
    fn pipes(&mut self) -> (Option<ChildStdin>, Option<ChildStdout>) {
        self.0.as_mut().map_or((None, None), |child| (child.stdin.take(), child.stdout.take()))
    }

    async fn ended(&mut self) -> io::Result<()> {
        if let Some(child) = &mut self.0 {
            child.wait().await?;
        }
        self.0 = None;
        Ok(())
    }
}

impl Drop for Reaped {
    fn drop(&mut self) {
        // Without a runtime, dropping the child kills it but does not reap it.
        let (Some(mut child), Ok(runtime)) = (self.0.take(), Handle::try_current()) else { return };
        runtime.spawn(async move {
            // An error means that it has ended already.
            let _ended = child.kill().await;
        });
    }
}

/// Sends the input. Write errors are ignored: the missing verdict shows that the process has died.
async fn tell(stdin: Option<ChildStdin>, table: &[u8], source: &[u8]) {
    let Some(mut stdin) = stdin else { return };
    for part in [table, source] {
        if stdin.write_all(part).await.is_err() {
            return;
        }
    }
    let _gone = stdin.shutdown().await;
}

fn too_costly() -> String {
    format!(
        "compiling it takes more than {} s of processor time or {} MiB of memory: use fewer or \
         smaller alternatives, repetitions and expressions",
        limits::CHILD_CPU,
        limits::CHILD_MEMORY >> 20,
    )
}

/// Runs a trial in the process started by [`FormTrial`]: limits this process permanently, reads a
/// form from `input`, compiles it, and writes the verdict to `output`.
///
/// # Errors
/// If the limits cannot be set or the input is invalid.
pub fn run_trial(mut input: impl Read, mut output: impl Write) -> io::Result<()> {
    confine()?;
    let mut bytes = Vec::new();
    input.read_to_end(&mut bytes)?;
    let invalid = |what: &str| io::Error::new(io::ErrorKind::InvalidData, what);
    let mut rest = bytes.as_slice();
    let table = TokenTable::decode(&mut rest).ok_or_else(|| invalid("no vocabulary"))?;
    let source: Source = serde_json::from_slice(rest)?;
    drop(bytes);
    let compiling = thread::Builder::new().stack_size(limits::STACK).spawn(move || {
        let factory = factory(&table).map_err(|reason| Failed { part: None, reason })?;
        attempt(&factory, &source, limits::TRIAL_BUDGET).map(|_| ())
    })?;
    let verdict = match compiling.join() {
        Ok(Ok(())) => Verdict::Compiled,
        Ok(Err(Failed { part, reason })) => Verdict::Failed { part, reason },
        Err(_) => Verdict::Panicked,
    };
    output.write_all(&serde_json::to_vec(&verdict)?)?;
    output.flush()
}

/// Sets the resource limits of a trial, and binds this process to the life of its parent.
fn confine() -> io::Result<()> {
    use rustix::process::{Resource, Rlimit, setrlimit};

    let limit = |most| Rlimit { current: Some(most), maximum: Some(most) };
    setrlimit(Resource::As, limit(limits::CHILD_MEMORY + mapped()))?;
    setrlimit(Resource::Cpu, limit(limits::CHILD_CPU))?;
    setrlimit(Resource::Core, limit(0))?;
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{Signal, set_parent_process_death_signal};

        set_parent_process_death_signal(Some(Signal::KILL))?;
    }
    // Lower priority than decoding. If refused, it stays normal.
    let _refused = rustix::process::nice(10);
    Ok(())
}

/// Address space in use by this process, in bytes: the program with its libraries. Zero if unknown.
fn mapped() -> u64 {
    let pages = std::fs::read_to_string("/proc/self/statm").ok();
    let pages = pages.as_deref().and_then(|text| text.split_whitespace().next()?.parse().ok());
    let page = u64::try_from(rustix::param::page_size()).unwrap_or(u64::MAX);
    pages.unwrap_or(0u64).saturating_mul(page)
}
