//! The samplers of a machine, and how a step's rows are shared out among threads.

use std::collections::HashMap;
use std::fmt;
use std::num::NonZeroUsize;
use std::thread;

use harmonic_types::RequestId;

use super::{SampleResult, SampledToken, Sampler};
use crate::constraint::Wake;

/// Logits from which another thread pays, an estimate: to start and join one took 26 to 54 µs, and a
/// logit takes about 0.25 ns (`cargo bench -p harmonic-engine`). A vocabulary of 49,152 never gets
/// there, one of 262,144 with eight rows.
const LOGITS_PER_THREAD: usize = 1 << 20;

/// The samplers of a machine, by request: a sequence may be parked and resumed elsewhere.
pub struct Samplers {
    by_request: HashMap<RequestId, Sampler>,
    threads: NonZeroUsize,
    /// Called when a token that was late can be chosen.
    wake: Option<Wake>,
}

impl fmt::Debug for Samplers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Samplers").field("by_request", &self.by_request).finish_non_exhaustive()
    }
}

impl Default for Samplers {
    /// Samplers that use no thread but the caller's.
    fn default() -> Self {
        Self::with_threads(NonZeroUsize::MIN)
    }
}

/// A row of a step with the sampler that it is for.
struct RowTask<'a> {
    sampler: &'a mut Sampler,
    logits: &'a [f32],
    wake: Option<&'a Wake>,
    drawn: Option<SampleResult>,
}

impl RowTask<'_> {
    fn take(&mut self) {
        self.drawn = self.sampler.draw(self.logits, self.wake);
    }
}

impl Samplers {
    /// Samplers that share large steps out among up to `threads` threads, the caller's included.
    pub fn with_threads(threads: NonZeroUsize) -> Self {
        Self { by_request: HashMap::new(), threads, wake: None }
    }

    /// Calls `wake` when a token that was late can be chosen.
    pub(crate) fn with_wake(mut self, wake: Wake) -> Self {
        self.wake = Some(wake);
        self
    }

    /// Gives `request` a sampler.
    pub fn insert(&mut self, request: RequestId, sampler: Sampler) {
        self.by_request.insert(request, sampler);
    }

    /// Forgets the sampler of `request`.
    pub fn remove(&mut self, request: RequestId) {
        self.by_request.remove(&request);
    }

    /// Chooses the token that follows for `request`, or keeps its logits until it can; `None` if no
    /// logit is a number or the request has no sampler.
    pub fn choose(&mut self, request: RequestId, logits: &[f32]) -> Option<SampleResult> {
        self.by_request.get_mut(&request)?.draw(logits, self.wake.as_ref())
    }

    /// Chooses the token of `request` that was late; `None` if it is still too early.
    pub(crate) fn choose_deferred(&mut self, request: RequestId) -> Option<SampledToken> {
        self.by_request.get_mut(&request)?.draw_deferred(self.wake.as_ref())
    }

    /// Chooses for several requests, each with its logits, in their order: what
    /// [`Self::choose`] gives for one after the other. No request may come twice.
    pub fn choose_all(&mut self, rows: &[(RequestId, &[f32])]) -> Option<Vec<SampleResult>> {
        let logits: usize = rows.iter().map(|(_, logits)| logits.len()).sum();
        let threads = self.threads.get().min(rows.len()).min(logits / LOGITS_PER_THREAD);
        if threads < 2 {
            return rows.iter().map(|(request, logits)| self.choose(*request, logits)).collect();
        }
        let wake = self.wake.as_ref();
        let mut samplers: HashMap<RequestId, &mut Sampler> =
            self.by_request.iter_mut().map(|(request, sampler)| (*request, sampler)).collect();
        let mut tasks = rows
            .iter()
            .map(|(request, logits)| {
                let sampler = samplers.remove(request)?;
                Some(RowTask { sampler, logits, wake, drawn: None })
            })
            .collect::<Option<Vec<_>>>()?;
        let (mine, theirs) = tasks.split_at_mut(rows.len().div_ceil(threads));
        thread::scope(|scope| {
            for share in theirs.chunks_mut(rows.len().div_ceil(threads)) {
                scope.spawn(|| share.iter_mut().for_each(RowTask::take));
            }
            mine.iter_mut().for_each(RowTask::take);
        });
        tasks.into_iter().map(|task| task.drawn).collect()
    }
}
