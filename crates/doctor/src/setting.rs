//! Variables that an engine should have on this machine, and those it should not.

use harmonic_types::{DeviceKind, Hardware};
use serde::{Deserialize, Serialize};

use super::hsa_override::{PAPERS, STRIX_HALO, VARIABLE, architectures};

/// The paper's `OLLAMA_NUM_PARALLEL` (section 3.1).
pub(super) const PAPERS_PARALLEL: u32 = 64;

/// One variable of one engine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EngineSetting {
    /// `ollama`, `llama-server`, or `rocm` for every engine on AMD's driver.
    pub engine: String,
    /// The variable.
    pub variable: String,
    /// Its value; `None` is to leave it unset.
    pub value: Option<String>,
    /// Why, with a figure.
    pub why: String,
}

impl EngineSetting {
    fn new(engine: &str, variable: &str, value: Option<String>, why: impl Into<String>) -> Self {
        Self { engine: engine.to_owned(), variable: variable.to_owned(), value, why: why.into() }
    }
}

/// What each engine should be started with on that machine; with the paper's values where `paper`.
pub fn engine_settings(hardware: &Hardware, paper: bool) -> Vec<EngineSetting> {
    let parallel = if paper { PAPERS_PARALLEL } else { hardware.peak_parallel };
    let why = if paper {
        "the paper's value; Ollama reserves all 64 slots: 19.3 GB for qwen3:4b at 2048 tokens"
    } else {
        "it is 1 unless set, and then requests wait for each other: the paper saw 51 tok/s \
         for 1 and 61 for 8; with slots for all, 8 gave 2.5 times 1"
    };
    let mut settings = vec![
        EngineSetting::new("ollama", "OLLAMA_NUM_PARALLEL", Some(parallel.to_string()), why),
        EngineSetting::new(
            "ollama",
            "OLLAMA_CONTEXT_LENGTH",
            Some("8192".to_owned()),
            "unset, a GPU with 48 GiB or more gets 262144 tokens in each slot: 38.7 GB of KV cache \
             for qwen3:4b, where 8192 need 1.2 GB",
        ),
    ];
    if hardware.devices.iter().all(|device| device.kind == DeviceKind::Cpu) {
        settings.push(EngineSetting::new(
            "llama-server",
            "GOMP_SPINCOUNT",
            Some("1000".to_owned()),
            "its threads spin 300000 turns while they wait: with one of two cores taken by another \
             program, 28 tok/s at 1000 turns and 7 at 30000 (measured, smollm2:135m)",
        ));
    }
    let architectures = architectures(hardware);
    if paper && architectures.contains(&STRIX_HALO) {
        let why = "the paper's value, for an Ollama that did not know gfx1151; not needed today";
        settings.push(EngineSetting::new("rocm", VARIABLE, Some(PAPERS.to_owned()), why));
    } else if !architectures.is_empty() {
        let why = "kernels for gfx1150 and gfx1151 are built in by now; an override runs those of \
                   another GPU";
        settings.push(EngineSetting::new("rocm", VARIABLE, None, why));
    }
    settings
}
