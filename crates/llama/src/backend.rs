//! Global state of llama.cpp, initialised once.

use std::sync::{Mutex, OnceLock, PoisonError};

use llama_cpp_2::llama_backend::LlamaBackend;

use crate::log;

/// Backend of the process; llama.cpp does not allow a second initialisation.
pub(crate) fn backend() -> Result<&'static LlamaBackend, String> {
    static BACKEND: OnceLock<Result<LlamaBackend, String>> = OnceLock::new();
    let backend = BACKEND.get_or_init(|| {
        log::to_tracing();
        LlamaBackend::init().map_err(|error| error.to_string())
    });
    backend.as_ref().map_err(Clone::clone)
}

/// Runs `create` under the lock for creating contexts: llama.cpp then writes to the shared model,
/// and the log lines with buffer sizes must not interleave.
pub(crate) fn alone<T>(create: impl FnOnce() -> T) -> T {
    static ALONE: Mutex<()> = Mutex::new(());
    let _guard = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    create()
}
