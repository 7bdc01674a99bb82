//! Where forms are compiled: on threads of their own, a few at a time.
//!
//! Small forms and those that are tried first have lanes of their own, so that what costs much does
//! not hold up what costs little. In a lane, clients take turns. A request that is gone leaves it.

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
    /// `None`: forms are held by the limits alone.
    trial: Option<FormTrial>,
}

struct Shared {
    model: String,
    vocabulary: Arc<dyn Vocabulary>,
    /// Made when the first request asks for a form.
    grammars: OnceLock<Result<Grammars, FormatError>>,
    /// The vocabulary as a trial reads it.
    encoded: OnceLock<Arc<[u8]>>,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").field("model", &self.model).finish_non_exhaustive()
    }
}

/// Why there is no constraint.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CompileError {
    /// The form is at fault.
    #[error(transparent)]
    Format(#[from] FormatError),
    /// Too many forms wait.
    #[error("{waiting} forms wait to be compiled: retry later")]
    Busy {
        /// How many.
        waiting: usize,
        /// Whether those of one client are meant, else those of all.
        own: bool,
    },
    /// No thread or process could be started, or it ended without a word.
    #[error("the answer's form could not be compiled: {0}")]
    Failed(String),
}

impl From<Full> for CompileError {
    fn from(Full { waiting, own }: Full) -> Self {
        Self::Busy { waiting, own }
    }
}

impl Compiler {
    /// A compiler for `model` with `vocabulary`, which is read when the first form is compiled.
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

    /// The constraint that holds one answer to `form`, which `client` asks for, its first mask
    /// computed. Dropping the future gives up: a form that waits is never compiled, and a trial ends.
    ///
    /// # Errors
    /// When the form cannot be enforced, or too many wait.
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
            // Its threads are not to give way, so it is there before.
            let grammars = shared.grammars()?;
            if heavy {
                lower_priority();
            }
            if tried { grammars.compile_tried(&form) } else { grammars.compile_form(&form) }
        };
        self.on_thread(&permit, compile).await?.map_err(CompileError::from)
    }

    /// Runs `work` on a thread with a large stack, unless nobody waits for it any more. The permit in
    /// the lane is free when the work has ended, waited for or not.
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
                    // A request that is gone does not wait for it.
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
        // It says what is wrong with the vocabulary.
        self.grammars()?;
        let encode = || TokenTable::of(self.vocabulary.as_ref()).map(|table| table.encode().into());
        Ok(Arc::clone(self.encoded.get_or_init(|| encode().unwrap_or_default())))
    }
}

/// Lets answers under way have the processor before this thread, where the system can say that of a
/// thread.
fn lower_priority() {
    #[cfg(target_os = "linux")]
    {
        // Where it is not allowed, they have to share.
        let _refused = rustix::process::nice(5);
    }
}
