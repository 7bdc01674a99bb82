//! Conversion of a model file to another weight format.

use std::ffi::CString;
use std::path::{Path, PathBuf};

use llama_cpp_sys_2 as sys;

use crate::backend::backend;

/// Failure to convert a file.
#[derive(Debug, thiserror::Error)]
pub enum QuantizeError {
    /// Unsupported format.
    #[error(
        "llama.cpp cannot convert to {0}: use F32, F16, BF16, Q8_0, Q6_K, Q5_K_M, Q4_K_M or Q4_0"
    )]
    Format(String),
    /// A path with a NUL byte.
    #[error("the path {0} contains a NUL byte")]
    Path(PathBuf),
    /// llama.cpp failed.
    #[error("llama.cpp cannot convert {path} to {format} (code {code}): is the disk full?")]
    Failed {
        /// Input file.
        path: PathBuf,
        /// Requested format.
        format: String,
        /// Return code of llama.cpp.
        code: u32,
    },
    /// llama.cpp is not available.
    #[error("cannot initialise llama.cpp: {0}")]
    Backend(String),
}

/// Converts `input` to `output` with matrices in `format` (`F16`, `BF16`, `Q8_0` …), on `threads`
/// threads. Quantised matrices are decoded first.
///
/// # Errors
/// [`QuantizeError`] if the format is unknown or llama.cpp fails; `output` is then unusable.
pub fn quantize(
    input: &Path,
    output: &Path,
    format: &str,
    threads: u32,
) -> Result<(), QuantizeError> {
    backend().map_err(QuantizeError::Backend)?;
    let ftype = ftype(format).ok_or_else(|| QuantizeError::Format(format.to_owned()))?;
    let c_path = |path: &Path| {
        CString::new(path.as_os_str().as_encoded_bytes())
            .map_err(|_| QuantizeError::Path(path.to_owned()))
    };
    let (from, to) = (c_path(input)?, c_path(output)?);
    // SAFETY: returns a struct by value and touches nothing.
    let mut params = unsafe { sys::llama_model_quantize_default_params() };
    params.ftype = ftype;
    params.allow_requantize = true;
    params.nthread = i32::try_from(threads).unwrap_or(i32::MAX);
    // SAFETY: both strings are NUL-terminated and `params` is initialised; all outlive the call.
    let code = unsafe { sys::llama_model_quantize(from.as_ptr(), to.as_ptr(), &raw const params) };
    if code == 0 {
        Ok(())
    } else {
        Err(QuantizeError::Failed { path: input.to_owned(), format: format.to_owned(), code })
    }
}

fn ftype(format: &str) -> Option<sys::llama_ftype> {
    Some(match format {
        "F32" => sys::LLAMA_FTYPE_ALL_F32,
        "F16" => sys::LLAMA_FTYPE_MOSTLY_F16,
        "BF16" => sys::LLAMA_FTYPE_MOSTLY_BF16,
        "Q8_0" => sys::LLAMA_FTYPE_MOSTLY_Q8_0,
        "Q6_K" => sys::LLAMA_FTYPE_MOSTLY_Q6_K,
        "Q5_K_M" => sys::LLAMA_FTYPE_MOSTLY_Q5_K_M,
        "Q4_K_M" => sys::LLAMA_FTYPE_MOSTLY_Q4_K_M,
        "Q4_0" => sys::LLAMA_FTYPE_MOSTLY_Q4_0,
        _ => return None,
    })
}
