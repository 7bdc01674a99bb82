//! A form on trial: compiled in a process of its own, which its limits end where it costs too much.
//!
//! A library call cannot be cancelled, a process can: it dies with the request that it is for, with
//! the thread that started it, and at its limits of memory and processor time.

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

/// How to start the process that tries a form: a program that calls [`run_trial`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FormTrial {
    /// The program.
    pub program: PathBuf,
    /// What makes it do so.
    pub arguments: Vec<OsString>,
}

/// What a trial says, as JSON.
#[derive(Debug, Serialize, Deserialize)]
enum Verdict {
    Compiled,
    Failed { part: Option<usize>, reason: String },
    Panicked,
}

impl FormTrial {
    /// Tries `form` over the vocabulary that is `table` in bytes. Dropping the future ends the
    /// process.
    ///
    /// # Errors
    /// What is wrong with the form, or that it exceeded the limits.
    pub(super) async fn run(&self, table: Arc<[u8]>, form: &Form) -> Result<(), CompileError> {
        let source = serde_json::to_vec(&form.source)
            .map_err(|error| CompileError::Failed(error.to_string()))?;
        let unstarted =
            |error: io::Error| CompileError::Failed(format!("it could not be tried: {error}"));
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
                // What was said before it ended counts.
                let _read = stdout.read_to_end(&mut said).await;
            }
        };
        tokio::join!(tell(stdin, &table, &source), listen);
        // It is over: it has closed its output, or is about to.
        child.ended().await.map_err(unstarted)?;
        match serde_json::from_slice(&said) {
            Ok(Verdict::Compiled) => Ok(()),
            Ok(Verdict::Failed { part, reason }) => Err(form.error(part, reason).into()),
            Ok(Verdict::Panicked) | Err(_) => Err(form.error(None, too_costly()).into()),
        }
    }
}

/// A process that is killed and waited for where it is dropped before it has ended, so that nothing of
/// it stays behind.
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
        // Without a runtime, dropping the child kills it.
        let (Some(mut child), Ok(runtime)) = (self.0.take(), Handle::try_current()) else { return };
        runtime.spawn(async move {
            // An error says that it has ended already.
            let _ended = child.kill().await;
        });
    }
}

/// Sends what the process needs. One that has died does not read, which its verdict says.
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

/// What the process does that [`FormTrial`] starts: sets its own limits, reads a form from `input`,
/// compiles it, and says in `output` what came of it. The limits stay: it is the last thing that a
/// process does.
///
/// # Errors
/// When the limits cannot be set, or nothing sensible is read.
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

/// Limits this process to what a trial may cost, and to the life of its parent.
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
    // Answers under way come first; where that is not allowed, they have to share.
    let _refused = rustix::process::nice(10);
    Ok(())
}

/// Bytes of address space that this process takes already: the program with its libraries. Zero where
/// the system does not say.
fn mapped() -> u64 {
    let pages = std::fs::read_to_string("/proc/self/statm").ok();
    let pages = pages.as_deref().and_then(|text| text.split_whitespace().next()?.parse().ok());
    let page = u64::try_from(rustix::param::page_size()).unwrap_or(u64::MAX);
    pages.unwrap_or(0u64).saturating_mul(page)
}
