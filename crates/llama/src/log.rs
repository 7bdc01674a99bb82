//! Forwarding of llama.cpp's log to `tracing`, and parsing of buffer sizes from it.
//!
//! llama.cpp has no C function for the sizes of its buffers, but logs them when it creates a
//! context (`llama-kv-cache.cpp`, `llama-context.cpp`: "… buffer size = … MiB").

use std::ffi::{CStr, c_char, c_void};
use std::panic::catch_unwind;
use std::sync::{Mutex, PoisonError};

use harmonic_types::Bytes;
use llama_cpp_sys_2 as sys;

/// Sums of the logged buffer sizes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Buffers {
    pub(crate) kv: Option<Bytes>,
    pub(crate) state: Option<Bytes>,
    pub(crate) compute: Option<Bytes>,
}

static SEEN: Mutex<Option<Buffers>> = Mutex::new(None);

/// Forwards llama.cpp's log to `tracing`.
pub(crate) fn to_tracing() {
    // SAFETY: the callback is a plain function that lives as long as the program, ignores its user
    // data, and does not unwind.
    unsafe { sys::llama_log_set(Some(receive), std::ptr::null_mut()) }
}

/// Runs `create` and collects the buffer sizes that llama.cpp logs. The caller holds the lock for
/// creating contexts.
pub(crate) fn watching<T>(create: impl FnOnce() -> T) -> (T, Buffers) {
    *seen() = Some(Buffers::default());
    let made = create();
    let buffers = seen().take().unwrap_or_default();
    (made, buffers)
}

fn seen() -> std::sync::MutexGuard<'static, Option<Buffers>> {
    SEEN.lock().unwrap_or_else(PoisonError::into_inner)
}

unsafe extern "C" fn receive(level: sys::ggml_log_level, text: *const c_char, _: *mut c_void) {
    if text.is_null() {
        return;
    }
    // SAFETY: llama.cpp passes a NUL-terminated string that lives for the call.
    let text = unsafe { CStr::from_ptr(text) }.to_string_lossy();
    // A panic of a subscriber must not unwind into C.
    let _panicked = catch_unwind(|| note(level, text.trim_end()));
}

fn note(level: sys::ggml_log_level, line: &str) {
    if let Some(buffers) = seen().as_mut() {
        buffers.read(line);
    }
    match level {
        sys::GGML_LOG_LEVEL_ERROR => tracing::error!(target: "llama", "{line}"),
        sys::GGML_LOG_LEVEL_WARN => tracing::warn!(target: "llama", "{line}"),
        sys::GGML_LOG_LEVEL_INFO => tracing::debug!(target: "llama", "{line}"),
        _ => tracing::trace!(target: "llama", "{line}"),
    }
}

impl Buffers {
    fn read(&mut self, line: &str) {
        let Some((what, size)) = line.split_once(" buffer size = ") else { return };
        let Some(bytes) = size.trim().strip_suffix("MiB").and_then(mebibytes) else { return };
        let sum = match what.rsplit(' ').next() {
            Some("KV") => &mut self.kv,
            Some("RS") => &mut self.state,
            Some("compute" | "output") => &mut self.compute,
            _ => return,
        };
        *sum = Some(sum.unwrap_or(Bytes::ZERO) + bytes);
    }
}

/// Parses mebibytes such as `45.00` into bytes.
fn mebibytes(text: &str) -> Option<Bytes> {
    let mebibytes: f64 = text.trim().parse().ok()?;
    Some(Bytes::from_gb(mebibytes * f64::from(1 << 20) / 1e9))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffer_sizes_are_read_and_summed() {
        let mut buffers = Buffers::default();
        for line in [
            "llama_kv_cache:        CPU KV buffer size =    45.00 MiB",
            "llama_kv_cache:      CUDA0 KV buffer size =     3.00 MiB",
            "llama_memory_recurrent:        CPU RS buffer size =     2.00 MiB",
            "llama_context:        CPU  output buffer size =     0.50 MiB",
            "sched_reserve:        CPU compute buffer size =    97.13 MiB",
            "load_tensors:   CPU_Mapped model buffer size =    93.53 MiB",
            "nonsense buffer size = x MiB",
        ] {
            buffers.read(line);
        }
        assert_eq!(buffers.kv, Some(Bytes(48 << 20)));
        assert_eq!(buffers.state, Some(Bytes(2 << 20)));
        assert_eq!(buffers.compute, Some(Bytes(102_372_475)));
    }
}
