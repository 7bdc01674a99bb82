//! Samplers of a machine, and the distribution of a step's rows over threads.

use std::collections::HashMap;
use std::fmt;
use std::num::NonZeroUsize;
use std::thread;

use harmonic_types::RequestId;

use super::{SampleResult, SampledToken, Sampler};
use crate::constraint::Wake;

/// Estimated number of logits that justifies another thread: starting and joining one took 26 to 54
/// µs, and a logit takes about 0.25 ns (`cargo bench -p harmonic-engine`). A vocabulary of 49,152
/// never reaches it, one of 262,144 does with eight rows.
const LOGITS_PER_THREAD: usize = 1 << 20;

/// Samplers of a machine, by request, since a request may resume in another sequence.
pub struct Samplers {
    by_request: HashMap<RequestId, Sampler>,
    threads: NonZeroUsize,
    /// Called when a deferred token can be sampled.
    wake: Option<Wake>,
}

impl fmt::Debug for Samplers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Samplers").field("by_request", &self.by_request).finish_non_exhaustive()
    }
}

impl Default for Samplers {
    /// Samplers on the caller's thread only.
    fn default() -> Self {
        Self::with_threads(NonZeroUsize::MIN)
    }
}

/// A row of a step with its sampler.
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
    /// Samplers that distribute large steps over up to `threads` threads, including the caller's.
    pub fn with_threads(threads: NonZeroUsize) -> Self {
        Self { by_request: HashMap::new(), threads, wake: None }
    }

    /// Sets a callback for when a deferred token can be sampled.
    pub(crate) fn with_wake(mut self, wake: Wake) -> Self {
        self.wake = Some(wake);
        self
    }

    /// Adds the sampler of `request`.
    pub fn insert(&mut self, request: RequestId, sampler: Sampler) {
        self.by_request.insert(request, sampler);
    }

    /// Removes the sampler of `request`.
    pub fn remove(&mut self, request: RequestId) {
        self.by_request.remove(&request);
    }

    /// Samples the next token of `request`, or defers it; `None` if no logit is a number or the
    /// request has no sampler.
    pub fn choose(&mut self, request: RequestId, logits: &[f32]) -> Option<SampleResult> {
        self.by_request.get_mut(&request)?.draw(logits, self.wake.as_ref())
    }

    /// Samples the deferred token of `request`; `None` if its mask is still not ready.
    pub(crate) fn choose_deferred(&mut self, request: RequestId) -> Option<SampledToken> {
        self.by_request.get_mut(&request)?.draw_deferred(self.wake.as_ref())
    }

    /// Samples for several requests, each with its logits; the results equal those of
    /// [`Self::choose`] in order. A request must not occur twice.
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
