//! llama.cpp's global state, set up once.

use std::sync::{Mutex, OnceLock, PoisonError};

use llama_cpp_2::llama_backend::LlamaBackend;

use crate::log;

/// The backend. A second initialisation would be an error in llama.cpp, hence the lock.
pub(crate) fn backend() -> Result<&'static LlamaBackend, String> {
    static BACKEND: OnceLock<Result<LlamaBackend, String>> = OnceLock::new();
    let backend = BACKEND.get_or_init(|| {
        log::to_tracing();
        LlamaBackend::init().map_err(|error| error.to_string())
    });
    backend.as_ref().map_err(Clone::clone)
}

/// Runs `create` while nobody else creates a context: llama.cpp writes to the shared model then,
/// and the log lines that tell what was allocated must not mix.
pub(crate) fn alone<T>(create: impl FnOnce() -> T) -> T {
    static ALONE: Mutex<()> = Mutex::new(());
    let _guard = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    create()
}
