//! Recorded responses of NVML: the file `nvml.json` in the root of a recorded machine.
//!
//! ```json
//! { "devices": [ { "name": "NVIDIA GB10",
//!                  "memory": { "error": "NOT_SUPPORTED" },
//!                  "integrated": true,
//!                  "power_mw": 11170,
//!                  "energy_mj": { "error": "NOT_SUPPORTED" } } ] }
//! ```
//!
//! Each response is the value (`memory`: `{"total": bytes, "free": bytes}`) or `{"error": NAME}`
//! with NVML's name without `NVML_ERROR_`; `integrated` is libcuda's and optional. A failed
//! initialisation is `{"error": NAME}` alone. Without the file the library is absent.

use std::sync::Arc;

use harmonic_types::Bytes;
use serde::Deserialize;

use super::{Nvml, NvmlError, NvmlMemory, NvmlState};
use crate::error::HardwareError;
use crate::sysroot::Sysroot;

const FILE: &str = "/nvml.json";

/// Response to one query.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
enum Answer<T> {
    Error(ErrorAnswer),
    Value(T),
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ErrorAnswer {
    error: String,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Memory {
    total: u64,
    free: u64,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RecordedDevice {
    name: Answer<String>,
    memory: Answer<Memory>,
    integrated: Option<bool>,
    power_mw: Answer<u64>,
    energy_mj: Answer<u64>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    error: Option<String>,
    devices: Option<Vec<RecordedDevice>>,
}

/// Responses of an initialised library.
#[derive(Clone, Debug)]
struct Devices(Vec<RecordedDevice>);

/// Opens the recorded responses below `root`.
pub(super) fn open(root: &Sysroot) -> Result<NvmlState, HardwareError> {
    let Some(text) = root.read(FILE)? else { return Ok(NvmlState::Absent) };
    let malformed = |found: &str| root.malformed(FILE, "NVML's responses", found);
    let file: File = serde_json::from_str(&text).map_err(|error| malformed(&error.to_string()))?;
    match (file.error, file.devices) {
        (None, Some(devices)) => Ok(NvmlState::Open(Arc::new(Devices(devices)))),
        (Some(error), None) if error == "DRIVER_NOT_LOADED" => Ok(NvmlState::NoDriver),
        (Some(error), None) => Ok(NvmlState::Failed(ErrorAnswer { error }.into())),
        (None, None) | (Some(_), Some(_)) => Err(malformed(&text)),
    }
}

impl From<ErrorAnswer> for NvmlError {
    fn from(ErrorAnswer { error }: ErrorAnswer) -> Self {
        if error == "NOT_SUPPORTED" { Self::NotSupported } else { Self::Other(error) }
    }
}

impl<T: Clone> Answer<T> {
    fn get(&self) -> Result<T, NvmlError> {
        match self {
            Self::Value(value) => Ok(value.clone()),
            Self::Error(error) => Err(error.clone().into()),
        }
    }
}

impl Devices {
    fn device(&self, index: u32) -> Result<&RecordedDevice, NvmlError> {
        let found = usize::try_from(index).ok().and_then(|index| self.0.get(index));
        found.ok_or_else(|| NvmlError::Other("INVALID_ARGUMENT".to_owned()))
    }
}

impl Nvml for Devices {
    fn count(&self) -> Result<u32, NvmlError> {
        Ok(u32::try_from(self.0.len()).unwrap_or(u32::MAX))
    }

    fn name(&self, index: u32) -> Result<String, NvmlError> {
        self.device(index)?.name.get()
    }

    fn memory(&self, index: u32) -> Result<NvmlMemory, NvmlError> {
        let Memory { total, free } = self.device(index)?.memory.get()?;
        Ok(NvmlMemory { total: Bytes(total), free: Bytes(free) })
    }

    fn integrated(&self, index: u32) -> Option<bool> {
        self.device(index).ok()?.integrated
    }

    fn milliwatts(&self, index: u32) -> Result<u64, NvmlError> {
        self.device(index)?.power_mw.get()
    }

    fn millijoules(&self, index: u32) -> Result<u64, NvmlError> {
        self.device(index)?.energy_mj.get()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn opened(text: &str) -> Result<NvmlState, HardwareError> {
        let root = tempfile::tempdir().unwrap();
        std::fs::write(root.path().join("nvml.json"), text).unwrap();
        open(&Sysroot::new(root.path()))
    }

    #[test]
    fn values_and_errors_are_returned_as_recorded() {
        let text = r#"{"devices": [{"name": "NVIDIA GB10", "memory": {"error": "NOT_SUPPORTED"},
                       "power_mw": 11170, "energy_mj": {"error": "GPU_IS_LOST"}}]}"#;
        let NvmlState::Open(nvml) = opened(text).unwrap() else { panic!("not opened") };
        assert_eq!(nvml.count(), Ok(1));
        assert_eq!(nvml.name(0).as_deref(), Ok("NVIDIA GB10"));
        assert_eq!(nvml.memory(0), Err(NvmlError::NotSupported));
        assert_eq!(nvml.integrated(0), None);
        assert_eq!(nvml.milliwatts(0), Ok(11_170));
        assert_eq!(nvml.millijoules(0), Err(NvmlError::Other("GPU_IS_LOST".to_owned())));
        assert!(nvml.name(1).is_err());
    }

    #[test]
    fn a_failed_initialisation_has_its_error() {
        let failed = opened(r#"{"error": "LIB_RM_VERSION_MISMATCH"}"#).unwrap();
        assert!(matches!(failed, NvmlState::Failed(NvmlError::Other(_))), "{failed:?}");
        let no_driver = opened(r#"{"error": "DRIVER_NOT_LOADED"}"#).unwrap();
        assert!(matches!(no_driver, NvmlState::NoDriver), "{no_driver:?}");
    }

    #[test]
    fn a_malformed_file_is_an_error_that_names_it() {
        for text in ["", "[]", "{}", r#"{"devices": [{"name": "NVIDIA GB10"}]}"#] {
            let error = opened(text).unwrap_err().to_string();
            assert!(error.contains("nvml.json"), "{error}");
        }
    }
}
