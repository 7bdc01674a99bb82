//! Where forms are compiled: on threads of their own, a few at a time.
//!
//! Small forms and those that are tried first have lanes of their own, so that what costs much does
//! not hold up what costs little. A request that is gone leaves its lane.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use super::form::{Form, FormatError};
use super::grammars::Grammars;
use super::trial::FormTrial;
use super::words::Words;
use super::{Constraint, limits};
use crate::chat::Vocabulary;

/// Compiles forms over one model's vocabulary.
#[derive(Debug)]
pub struct Compiler {
    shared: Arc<Shared>,
    light: Lane,
    heavy: Lane,
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
    #[error("{0} forms wait to be compiled: retry later")]
    Busy(usize),
    /// No thread could be started, or it ended without a word.
    #[error("the answer's form could not be compiled: {0}")]
    Thread(String),
}

impl Compiler {
    /// A compiler for `model` with `vocabulary`, which is read when the first form is compiled.
    pub fn new(model: &str, vocabulary: Arc<dyn Vocabulary>, trial: Option<FormTrial>) -> Self {
        let (grammars, encoded) = (OnceLock::new(), OnceLock::new());
        let shared = Shared { model: model.to_owned(), vocabulary, grammars, encoded };
        Self {
            shared: Arc::new(shared),
            light: Lane::new(limits::LIGHT_AT_ONCE),
            heavy: Lane::new(limits::HEAVY_AT_ONCE),
            trial,
        }
    }

    /// The constraint that holds one answer to `form`, its first mask computed. Dropping the future
    /// gives up: a form that waits is never compiled, and a trial ends.
    ///
    /// # Errors
    /// When the form cannot be enforced, or too many wait.
    pub async fn compile(&self, form: Form) -> Result<Constraint, CompileError> {
        let heavy = form.is_heavy();
        let lane = if heavy { &self.heavy } else { &self.light };
        let permit = Arc::new(lane.enter().await?);
        if let (true, Some(trial)) = (heavy, &self.trial) {
            let words = self.on_thread(&permit, Shared::encoded).await??;
            trial.run(words, &form).await?;
        }
        let compile = move |shared: &Shared| {
            // Its threads are not to give way, so it is there before.
            let grammars = shared.grammars()?;
            if heavy {
                give_way();
            }
            grammars.compile_form(&form)
        };
        self.on_thread(&permit, compile).await?.map_err(CompileError::from)
    }

    /// Runs `work` on a thread with a large stack, unless nobody waits for it any more. The place in
    /// the lane is free when the work has ended, waited for or not.
    async fn on_thread<T: Send + 'static>(
        &self,
        permit: &Arc<OwnedSemaphorePermit>,
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
            .map_err(|error| CompileError::Thread(error.to_string()))?;
        result.await.map_err(|_| CompileError::Thread("its thread has ended".to_owned()))
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
        let encode = || Words::of(self.vocabulary.as_ref()).map(|words| words.encode().into());
        Ok(Arc::clone(self.encoded.get_or_init(|| encode().unwrap_or_default())))
    }
}

/// Lets answers under way have the processor before this thread, where the system can say that of a
/// thread.
fn give_way() {
    #[cfg(target_os = "linux")]
    {
        // Where it is not allowed, they have to share.
        let _refused = rustix::process::nice(5);
    }
}

/// A bounded number at once, and a bounded number that wait, in the order in which they came.
#[derive(Debug)]
struct Lane {
    places: Arc<Semaphore>,
    waiting: AtomicUsize,
}

/// One that waits, until it is dropped.
struct Waiting<'a>(&'a AtomicUsize);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Lane {
    fn new(at_once: usize) -> Self {
        Self { places: Arc::new(Semaphore::new(at_once)), waiting: AtomicUsize::new(0) }
    }

    async fn enter(&self) -> Result<OwnedSemaphorePermit, CompileError> {
        let before = self.waiting.fetch_add(1, Ordering::Relaxed);
        let _waiting = Waiting(&self.waiting);
        if before >= limits::WAITING {
            return Err(CompileError::Busy(before));
        }
        let place = Arc::clone(&self.places).acquire_owned().await;
        place.map_err(|error| CompileError::Thread(error.to_string()))
    }
}
