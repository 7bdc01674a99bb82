//! Compilation of forms on dedicated threads, a few at a time.
//!
//! Small forms and those tried first have separate semaphores, so that costly forms do not delay
//! cheap ones. Permits rotate among clients. A cancelled request leaves the queue.

use std::sync::{Arc, OnceLock};
use std::thread;

use harmonic_types::ClientName;
use tokio::sync::oneshot;

use super::fair_semaphore::{FairSemaphore, Full, Permit};
use super::form::{Form, FormatError};
use super::grammars::Grammars;
use super::token_table::TokenTable;
use super::trial::FormTrial;
use super::{Constraint, limits};
use crate::chat::Vocabulary;

/// Compiles forms over one model's vocabulary.
#[derive(Debug)]
pub struct Compiler {
    shared: Arc<Shared>,
    light: FairSemaphore,
    heavy: FairSemaphore,
    /// Trial process; `None` relies on the limits alone.
    trial: Option<FormTrial>,
}

struct Shared {
    model: String,
    vocabulary: Arc<dyn Vocabulary>,
    /// Created with the first form.
    grammars: OnceLock<Result<Grammars, FormatError>>,
    /// Vocabulary encoded for the trial process.
    encoded: OnceLock<Arc<[u8]>>,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").field("model", &self.model).finish_non_exhaustive()
    }
}

/// Failure to compile a form.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CompileError {
    /// The form is invalid.
    #[error(transparent)]
    Format(#[from] FormatError),
    /// Too many forms are queued.
    #[error("{waiting} forms wait to be compiled: retry later")]
    Busy {
        /// Number of queued forms.
        waiting: usize,
        /// Whether `waiting` counts the forms of one client, else those of all.
        own: bool,
    },
    /// A thread or process could not be started, or ended without a result.
    #[error("the answer's form could not be compiled: {0}")]
    Failed(String),
}

impl From<Full> for CompileError {
    fn from(Full { waiting, own }: Full) -> Self {
        Self::Busy { waiting, own }
    }
}

impl Compiler {
    /// A compiler for `model`. Reads `vocabulary` when the first form is compiled.
    pub fn new(model: &str, vocabulary: Arc<dyn Vocabulary>, trial: Option<FormTrial>) -> Self {
        let (grammars, encoded) = (OnceLock::new(), OnceLock::new());
        let shared = Shared { model: model.to_owned(), vocabulary, grammars, encoded };
        Self {
            shared: Arc::new(shared),
            light: FairSemaphore::new(limits::LIGHT_AT_ONCE),
            heavy: FairSemaphore::new(limits::HEAVY_AT_ONCE),
            trial,
        }
    }

    /// Compiles `form`, requested by `client`, into a constraint with its first mask. Dropping the
    /// future cancels: a queued form is not compiled, and a trial process is killed.
    ///
    /// # Errors
    /// [`CompileError`] if the form cannot be enforced or too many are queued.
    pub async fn compile(
        &self,
        form: Form,
        client: &ClientName,
    ) -> Result<Constraint, CompileError> {
        let heavy = form.is_heavy();
        let semaphore = if heavy { &self.heavy } else { &self.light };
        let permit = Arc::new(semaphore.acquire(client).await?);
        let mut tried = false;
        if let (true, Some(trial)) = (heavy, &self.trial) {
            let table = self.on_thread(&permit, Shared::encoded).await??;
            trial.run(table, &form).await?;
            tried = true;
        }
        let compile = move |shared: &Shared| {
            // Created before the priority is lowered, which its threads would inherit.
            let grammars = shared.grammars()?;
            if heavy {
                lower_priority();
            }
            if tried { grammars.compile_tried(&form) } else { grammars.compile_form(&form) }
        };
        self.on_thread(&permit, compile).await?.map_err(CompileError::from)
    }

    /// Runs `work` on a thread with a large stack, unless cancelled. The permit is released when
    /// the work has ended, cancelled or not.
    async fn on_thread<T: Send + 'static>(
        &self,
        permit: &Arc<Permit>,
        work: impl FnOnce(&Shared) -> T + Send + 'static,
    ) -> Result<T, CompileError> {
        let (shared, permit) = (Arc::clone(&self.shared), Arc::clone(permit));
        let (done, result) = oneshot::channel();
        thread::Builder::new()
            .name("forms".to_owned())
            .stack_size(limits::STACK)
            .spawn(move || {
                if !done.is_closed() {
                    // A failed send means that the request was cancelled.
                    let _gone = done.send(work(&shared));
                }
                drop(permit);
            })
            .map_err(|error| CompileError::Failed(error.to_string()))?;
        result.await.map_err(|_| CompileError::Failed("its thread has ended".to_owned()))
    }
}

impl Shared {
    fn grammars(&self) -> Result<&Grammars, FormatError> {
        self.grammars
            .get_or_init(|| Grammars::new(&self.model, self.vocabulary.as_ref()))
            .as_ref()
            .map_err(Clone::clone)
    }

    fn encoded(&self) -> Result<Arc<[u8]>, FormatError> {
        // Reports an unusable vocabulary.
        self.grammars()?;
        let encode = || TokenTable::of(self.vocabulary.as_ref()).map(|table| table.encode().into());
        Ok(Arc::clone(self.encoded.get_or_init(|| encode().unwrap_or_default())))
    }
}

/// Lowers the priority of this thread below that of decoding, on systems with per-thread
/// priorities.
fn lower_priority() {
    #[cfg(target_os = "linux")]
    {
        // If refused, the priority stays normal.
        let _refused = rustix::process::nice(5);
    }
}
