//! The tool `workspace.run`.

use std::path::{Path, PathBuf};

use harmonic_types::tool::{ToolEffects, ToolOutput, ToolSpec};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};
use tokio_util::sync::CancellationToken;

use super::{CommandPolicy, confinement};
use crate::error::ToolError;
use crate::helper::Helper;
use crate::limits::CallLimits;

/// Name of the tool.
pub(crate) const TOOL: &str = "workspace.run";

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Arguments {
    /// Command for the shell `sh`, run in the workspace.
    #[schemars(length(min = 1, max = 10000))]
    command: String,
}

/// Commands in a workspace.
#[derive(Debug)]
pub(crate) struct Commands {
    #[cfg_attr(not(target_os = "linux"), expect(dead_code, reason = "none can be run there"))]
    helper: Helper,
    #[cfg_attr(not(target_os = "linux"), expect(dead_code, reason = "none can be run there"))]
    workspace: PathBuf,
    #[cfg_attr(not(target_os = "linux"), expect(dead_code, reason = "none can be run there"))]
    policy: CommandPolicy,
}

impl Commands {
    /// # Errors
    /// If commands cannot be confined here, or a path of the policy is none.
    pub(crate) fn new(
        helper: Helper,
        workspace: &Path,
        policy: CommandPolicy,
    ) -> Result<Self, ToolError> {
        confinement()?;
        let open = |path: &Path| {
            path.canonicalize().map_err(|error| ToolError::Workspace {
                path: path.display().to_string(),
                reason: error.to_string(),
            })
        };
        let workspace = open(workspace)?;
        let read_only = policy.read_only.iter().map(|path| open(path)).collect::<Result<_, _>>()?;
        let scratch = open(&policy.scratch)?;
        Ok(Self { helper, workspace, policy: CommandPolicy { read_only, scratch, ..policy } })
    }

    pub(crate) fn spec() -> ToolSpec {
        ToolSpec {
            name: TOOL.to_owned(),
            description: "Runs a shell command in the workspace, without network. It may change \
                          only the workspace."
                .to_owned(),
            input_schema: crate::workspace::schema::<Arguments>(),
            effects: ToolEffects::Running,
        }
    }

    /// Runs the command that `arguments` state. What it says and how it ended is the result.
    ///
    /// # Errors
    /// [`ToolError`] if it could not be run, or was cancelled.
    #[cfg(target_os = "linux")]
    pub(crate) async fn call(
        &self,
        arguments: Map<String, Value>,
        limits: CallLimits,
        cancel: &CancellationToken,
    ) -> Result<ToolOutput, ToolError> {
        let failed = |reason: String| ToolError::Failed { tool: TOOL.to_owned(), reason };
        let Arguments { command } = serde_json::from_value(Value::Object(arguments))
            .map_err(|error| failed(error.to_string()))?;
        let scratch = tempfile::Builder::new()
            .prefix("harmonic-run-")
            .tempdir_in(&self.policy.scratch)
            .map_err(|error| failed(format!("cannot make its temporary folder: {error}")))?;
        let spec = self.spec_of(command, scratch.path());
        let ran = linux::run(&self.helper, spec, limits, cancel).await;
        // What a hostile command left there may be large.
        let _removed = tokio::task::spawn_blocking(move || drop(scratch)).await;
        ran.map_err(|error| failed(error.to_string()))?
    }

    #[cfg(not(target_os = "linux"))]
    #[expect(clippy::unused_async, reason = "as where commands can be run")]
    pub(crate) async fn call(
        &self,
        _arguments: Map<String, Value>,
        _limits: CallLimits,
        _cancel: &CancellationToken,
    ) -> Result<ToolOutput, ToolError> {
        confinement()?;
        Err(ToolError::UnknownTool { name: TOOL.to_owned(), suggestion: String::new() })
    }

    #[cfg(target_os = "linux")]
    fn spec_of(&self, command: String, scratch: &Path) -> super::Spec {
        let folder = scratch.display().to_string();
        let given = [
            ("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"),
            ("HOME", &folder),
            ("TMPDIR", &folder),
            ("LANG", "C.UTF-8"),
            ("TERM", "dumb"),
        ];
        let mut environment: std::collections::BTreeMap<String, String> =
            given.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        environment.extend(self.policy.environment.clone());
        super::Spec {
            command,
            workspace: self.workspace.clone(),
            scratch: scratch.to_owned(),
            read_only: self.policy.read_only.clone(),
            environment,
            limits: self.policy.limits,
            parent: std::process::id(),
        }
    }
}

#[cfg(target_os = "linux")]
mod linux {
    use std::io;
    use std::os::fd::OwnedFd;
    use std::os::unix::net::UnixStream as StdUnixStream;
    use std::process::Stdio;
    use std::time::Duration;

    use harmonic_types::tool::ToolOutput;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::UnixStream;
    use tokio::net::unix::pipe::Receiver;
    use tokio::process::Command;
    use tokio_util::sync::CancellationToken;

    use super::super::spec::{Spec, Verdict};
    use super::TOOL;
    use crate::error::ToolError;
    use crate::helper::{Helper, Task};
    use crate::limits::CallLimits;
    use crate::output::Tail;

    /// Time for the supervisor to end a command's processes.
    const ENDING: Duration = Duration::from_secs(10);

    /// Bytes of a result that are kept for what is said at its end.
    const NOTE_BYTES: usize = 160;

    pub(super) async fn run(
        helper: &Helper,
        spec: Spec,
        limits: CallLimits,
        cancel: &CancellationToken,
    ) -> io::Result<Result<ToolOutput, ToolError>> {
        let (ours, theirs) = StdUnixStream::pair()?;
        ours.set_nonblocking(true)?;
        let mut control = UnixStream::from_std(ours)?;
        let (output, input) = io::pipe()?;
        let memory = spec.limits;
        let task = Task::Supervise(spec).line()?;
        // The supervisor ends by itself once `control` is dropped, after the command has; dropping
        // this handle leaves it to that.
        let mut supervisor = Command::from(helper.command())
            .stdin(Stdio::from(OwnedFd::from(theirs)))
            .stdout(input.try_clone()?)
            .stderr(input)
            .spawn()?;
        let mut output = Receiver::from_owned_fd(output.into())?;
        control.write_all(&task).await?;

        let mut ends = Ends::new(limits.bytes.saturating_sub(NOTE_BYTES));
        let mut said = Vec::new();
        let stopped = tokio::select! {
            biased;
            () = cancel.cancelled() => Some(Err(ToolError::Cancelled { tool: TOOL.to_owned() })),
            done = listen(&mut output, &mut ends, &mut control, &mut said) => {
                done?;
                None
            }
            () = tokio::time::sleep(limits.time) => {
                let after = limits.time.as_secs_f64();
                Some(Ok(format!("stopped at its time limit of {after} s")))
            }
        };
        if stopped.is_some() {
            control.shutdown().await?;
            let rest = listen(&mut output, &mut ends, &mut control, &mut said);
            tokio::time::timeout(ENDING, rest).await.map_err(io::Error::from)??;
        }
        tokio::time::timeout(ENDING, supervisor.wait()).await.map_err(io::Error::from)??;
        let note = match stopped {
            Some(Err(error)) => return Ok(Err(error)),
            Some(Ok(note)) => note,
            None => match serde_json::from_slice(&said) {
                Ok(Verdict::Exited(0)) => return Ok(Ok(ends.into_output(None))),
                Ok(Verdict::Exited(status)) => format!("exit status {status}"),
                Ok(Verdict::Signalled(signal)) => format!("ended by signal {signal}"),
                Ok(Verdict::Memory) => {
                    format!("stopped at its memory limit of {} MiB", memory.memory_bytes >> 20)
                }
                Ok(Verdict::Processes) => {
                    format!("stopped at its limit of {} processes", memory.processes)
                }
                Ok(Verdict::Disk) => "stopped because the disk is nearly full".to_owned(),
                Ok(Verdict::CallEnded) => "stopped".to_owned(),
                Ok(Verdict::NotStarted(reason)) => return Err(io::Error::other(reason)),
                Err(_) => {
                    return Err(io::Error::other(format!(
                        "its supervisor failed: {}",
                        ends.into_output(None).text
                    )));
                }
            },
        };
        Ok(Ok(ends.into_output(Some(&note))))
    }

    /// Reads what the command writes, then what its supervisor says of it.
    async fn listen(
        output: &mut Receiver,
        ends: &mut Ends,
        control: &mut UnixStream,
        said: &mut Vec<u8>,
    ) -> io::Result<()> {
        let mut buffer = vec![0; 64 << 10];
        loop {
            let read = output.read(&mut buffer).await?;
            if read == 0 {
                break;
            }
            ends.push(&buffer[..read]);
        }
        control.read_to_end(said).await?;
        Ok(())
    }

    /// Beginning and end of what a command writes.
    struct Ends {
        beginning: Vec<u8>,
        room: usize,
        end: Tail,
    }

    impl Ends {
        fn new(bytes: usize) -> Self {
            Self { beginning: Vec::new(), room: bytes / 2, end: Tail::new(bytes / 2) }
        }

        fn push(&mut self, bytes: &[u8]) {
            let fits = bytes.len().min(self.room - self.beginning.len());
            self.beginning.extend_from_slice(&bytes[..fits]);
            self.end.push(&bytes[fits..]);
        }

        fn into_output(self, note: Option<&str>) -> ToolOutput {
            // Bytes that are no text become longer.
            let mut text = String::from_utf8_lossy(&self.beginning).into_owned();
            let end = self.end.text();
            let from = end.ceil_char_boundary(end.len().saturating_sub(self.room));
            let to = text.floor_char_boundary(self.room);
            let bytes_cut = self.end.dropped() + (from + text.len() - to) as u64;
            text.truncate(to);
            if bytes_cut > 0 {
                let part = format!("\n[{bytes_cut} bytes left out]\n");
                text.push_str(&part);
            }
            text.push_str(&end[from..]);
            if let Some(note) = note {
                if !text.is_empty() && !text.ends_with('\n') {
                    text.push('\n');
                }
                let part = format!("[{note}]");
                text.push_str(&part);
            }
            ToolOutput { text, is_error: note.is_some(), bytes_cut }
        }
    }
}
