//! Tasks of a driver's calls.
//!
//! Invariant: a call whose code panicked is told, since it has reported nothing.

use std::collections::HashMap;

use harmonic_orchestrator::{CallId, TaskId};
use tokio::task::{Id, JoinError, JoinSet};

/// A call that a task makes.
#[derive(Clone, Copy, Debug)]
pub(super) struct MadeCall {
    pub(super) call: CallId,
    /// The task of the run.
    pub(super) task: TaskId,
    pub(super) is_tool: bool,
}

/// Tasks of calls. Dropping them cancels the calls.
#[derive(Debug, Default)]
pub(super) struct CallTasks {
    tasks: JoinSet<()>,
    made: HashMap<Id, MadeCall>,
}

impl CallTasks {
    pub(super) fn spawn(
        &mut self,
        made: MadeCall,
        call: impl Future<Output = ()> + Send + 'static,
    ) {
        let id = self.tasks.spawn(call).id();
        self.made.insert(id, made);
    }

    /// Spawns what is no call, and ends with the calls.
    pub(super) fn spawn_beside(&mut self, task: impl Future<Output = ()> + Send + 'static) {
        self.tasks.spawn(task);
    }

    /// Waits for the end of a call: the call, if its code panicked.
    pub(super) async fn ended(&mut self) -> Option<MadeCall> {
        match self.tasks.join_next_with_id().await {
            Some(ended) => self.take(ended),
            None => std::future::pending().await,
        }
    }

    /// The calls that have ended because their code panicked.
    pub(super) fn panicked(&mut self) -> Vec<MadeCall> {
        let mut panicked = Vec::new();
        while let Some(ended) = self.tasks.try_join_next_with_id() {
            panicked.extend(self.take(ended));
        }
        panicked
    }

    fn take(&mut self, ended: Result<(Id, ()), JoinError>) -> Option<MadeCall> {
        match ended {
            Ok((id, ())) => {
                self.made.remove(&id);
                None
            }
            Err(error) => {
                let made = self.made.remove(&error.id())?;
                tracing::error!(call = made.call.0, %error, "the code of a call panicked");
                Some(made)
            }
        }
    }
}
