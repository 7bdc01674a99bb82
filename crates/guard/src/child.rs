//! The owner's side of a guarded child.

use std::future::Future;
use std::io::Write;
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use harmonic_types::Bytes;
use rustix::process::Signal;
use tokio::sync::watch;

use crate::child_end::{ChildEnd, HowEnded};
use crate::child_spec::{ChildSpec, GuardCommand};
use crate::error::GuardError;
use crate::follow::Follower;
use crate::process_list::{Process, descendants};
use crate::recent_lines::RecentLines;
use crate::task::{Role, TASK_BYTES, Task, stop_request};

/// Time for the guards and the program to start. Executing two programs takes milliseconds, unless
/// they come from a slow disk.
const START: Duration = Duration::from_mins(1);

/// Time for the guards beyond the grace. They need less, unless one of them is stopped (SIGSTOP).
const GUARDS: Duration = Duration::from_secs(30);

/// A program that runs below a guard. Dropping it ends the program with all of its processes, which
/// is not waited for.
#[derive(Debug)]
pub struct GuardedChild {
    name: String,
    pid: u32,
    /// The inner guard.
    inner: u32,
    guard: Arc<GuardProcess>,
    lines: Arc<RecentLines>,
    end: watch::Receiver<Option<ChildEnd>>,
}

/// Numbers of the processes that a child consists of.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Started {
    pub(crate) child: u32,
    pub(crate) inner: u32,
}

impl GuardedChild {
    /// Starts a program; it runs when this returns. Blocks for as long as that takes.
    ///
    /// # Errors
    /// [`GuardError`]; nothing runs then.
    pub fn start(guard: &GuardCommand, child: ChildSpec) -> Result<Self, GuardError> {
        let child = child.checked()?;
        let name = child.name.clone();
        let no_guard = |source| GuardError::NoGuard {
            name: name.clone(),
            executable: guard.executable.clone(),
            source,
        };
        let failed = |did| GuardError::GuardFailed {
            name: name.clone(),
            executable: guard.executable.clone(),
            did,
        };
        let marker = format!("{:032x}", fastrand::u128(..));
        let parent = std::process::id();
        let task = Task { role: Role::Outer, parent, marker: marker.clone(), child };
        let task = task.line().map_err(no_guard)?;
        let bytes = task.len() as u64;
        if bytes > TASK_BYTES {
            return Err(GuardError::TooLarge { name, bytes, limit: TASK_BYTES });
        }
        let (process, reports) = GuardProcess::start(guard).map_err(no_guard)?;
        let guard = Arc::new(process);
        let lines = Arc::new(RecentLines::default());
        let (publish, end) = watch::channel(None);
        let (started, has_started) = sync_channel(1);
        let follower = Follower {
            name: name.clone(),
            marker,
            guard: Arc::clone(&guard),
            lines: Arc::clone(&lines),
            started,
            end: publish,
        };
        let follow = move || follower.follow(&task, reports);
        if let Err(source) = thread::Builder::new().name("guard".into()).spawn(follow) {
            guard.reap();
            return Err(no_guard(source));
        }
        match has_started.recv_timeout(START) {
            Ok(Ok(Started { child, inner })) => {
                Ok(Self { name, pid: child, inner, guard, lines, end })
            }
            Ok(Err(reason)) => Err(GuardError::NotStarted { name, reason }),
            Err(RecvTimeoutError::Disconnected) => Err(failed("ended first")),
            Err(RecvTimeoutError::Timeout) => {
                guard.kill_all();
                Err(failed("was silent for a minute"))
            }
        }
    }

    /// Number of the program's process.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// Resolves when the program has ended with all of its processes, and its guards too.
    pub fn ended(&self) -> impl Future<Output = ChildEnd> + Send + use<> {
        let mut end = self.end.clone();
        let (name, lines) = (self.name.clone(), Arc::clone(&self.lines));
        async move {
            // An error means that the thread that follows the guard has panicked.
            let published = end.wait_for(Option::is_some).await.ok().and_then(|end| end.clone());
            published.unwrap_or_else(|| ChildEnd {
                name,
                how: HowEnded::GuardLost,
                last_lines: lines.all(),
                left: Vec::new(),
            })
        }
    }

    /// Last lines of the program's output, on both of its streams.
    pub fn last_lines(&self) -> Vec<String> {
        self.lines.all()
    }

    /// Ends the program with all of its processes: SIGTERM, and SIGKILL after `grace`; without a
    /// grace SIGKILL at once. May be called again, also after the end: of several graces the one
    /// that ends first holds. A call that is dropped has asked for the end all the same.
    pub async fn stop(&self, grace: Duration) -> ChildEnd {
        self.guard.request(stop_request(grace).as_bytes());
        let limit = grace.saturating_add(GUARDS);
        if let Ok(end) = tokio::time::timeout(limit, self.ended()).await {
            return end;
        }
        tracing::warn!(engine = self.name, "its guard does not answer and is killed");
        self.guard.kill_all();
        self.ended().await
    }

    /// Resident memory of the program with all of its processes, pages that they share counted for
    /// each; `None` where the system does not list processes, and after their end.
    pub fn resident_bytes(&self) -> Option<Bytes> {
        let processes = self.processes();
        let bytes = processes.iter().map(|process| process.resident_bytes).sum();
        (!processes.is_empty()).then_some(Bytes(bytes))
    }

    /// Numbers of the program's processes; of the program alone where the system does not list
    /// them.
    pub fn group_pids(&self) -> Vec<u32> {
        if cfg!(target_os = "linux") {
            return self.processes().iter().map(|process| process.number).collect();
        }
        let runs = self.end.borrow().is_none();
        runs.then_some(self.pid).into_iter().collect()
    }

    fn processes(&self) -> Vec<Process> {
        // The guard's number may be that of others when it has been waited for.
        if self.end.borrow().is_some() {
            return Vec::new();
        }
        let mut below = descendants(self.guard.number);
        below.retain(|process| process.number != self.inner);
        below
    }
}

impl Drop for GuardedChild {
    fn drop(&mut self) {
        self.guard.close();
    }
}

/// The outer guard.
#[derive(Debug)]
pub(crate) struct GuardProcess {
    number: u32,
    child: Mutex<Child>,
    /// Its standard input; it ends everything when this is closed.
    requests: Mutex<Option<ChildStdin>>,
}

impl GuardProcess {
    fn start(guard: &GuardCommand) -> std::io::Result<(Self, ChildStdout)> {
        let mut child = Command::new(&guard.executable)
            .args(&guard.arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            // Ctrl-C reaches the owner alone, which decides.
            .process_group(0)
            .spawn()?;
        let pipes = (child.stdin.take(), child.stdout.take());
        let (Some(requests), Some(reports)) = pipes else {
            return Err(std::io::Error::other("its standard streams are missing"));
        };
        let number = child.id();
        let requests = Mutex::new(Some(requests));
        Ok((Self { number, child: Mutex::new(child), requests }, reports))
    }

    /// Writes to the guard. It has ended if that fails, which its reports show.
    pub(crate) fn request(&self, line: &[u8]) {
        if let Some(pipe) = locked(&self.requests).as_mut() {
            let _ended = pipe.write_all(line);
        }
    }

    /// Has the guard end everything.
    pub(crate) fn close(&self) {
        locked(&self.requests).take();
    }

    /// Kills the guards and all that is below them.
    fn kill_all(&self) {
        for process in descendants(self.number) {
            process.signal(Signal::KILL);
        }
        // An error means that it has ended.
        let _ended = locked(&self.child).kill();
    }

    /// Waits for the guard, whose reports have ended.
    pub(crate) fn reap(&self) {
        self.close();
        let mut child = locked(&self.child);
        // It has nothing left to do.
        let _ended = child.kill();
        let _status = child.wait();
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
