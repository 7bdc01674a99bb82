//! Recommended environment variables of engines.

use harmonic_types::{Bytes, DeviceKind, Hardware};
use serde::{Deserialize, Serialize};

use super::hsa_override::{PAPER_VALUE, STRIX_HALO, VARIABLE, architectures};

/// The paper's `OLLAMA_NUM_PARALLEL` (section 3.1).
pub(super) const PAPER_PARALLEL: u32 = 64;

/// Ollama, as an engine of a setting.
pub(super) const OLLAMA: &str = "ollama";

/// llama-server, as an engine of a setting.
pub(super) const LLAMA_SERVER: &str = "llama-server";

/// Recommended value of one environment variable.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EngineSetting {
    /// `ollama`, `llama-server`, or `rocm` for all engines on AMD's driver.
    pub engine: String,
    /// Name of the variable.
    pub variable: String,
    /// Its value; `None` is unset.
    pub value: Option<String>,
    /// Reason, with a figure.
    pub why: String,
    /// Whether its engine is installed on this machine.
    #[serde(default)]
    pub installed: bool,
}

impl EngineSetting {
    fn new(engine: &str, variable: &str, value: Option<String>, why: impl Into<String>) -> Self {
        let (engine, variable) = (engine.to_owned(), variable.to_owned());
        Self { engine, variable, value, why: why.into(), installed: false }
    }
}

/// KV cache of qwen3:4b for one token, in bytes: 36 layers × 8 heads × (128 + 128) × 2.
const KV_OF_TOKEN: u64 = 147_456;

/// Context of a slot that Ollama takes on a machine with `gpu_memory` bytes of GPU memory
/// (`docs/sources.md#behaviour-of-ollama`).
const fn default_context(gpu_memory: u64) -> u64 {
    const GIB: u64 = 1 << 30;
    match gpu_memory / GIB {
        0..23 => 4096,
        23..47 => 32_768,
        _ => 262_144,
    }
}

/// Reason for a context of 8192 tokens, by the default on that machine.
fn context_reason(hardware: &Hardware) -> String {
    let gpus = hardware.devices.iter().filter(|device| device.kind != DeviceKind::Cpu);
    let sizes: Vec<Option<Bytes>> = gpus.map(|device| device.memory_bytes).collect();
    // A GPU without memory of its own uses the machine's.
    let memory = |size: &Option<Bytes>| size.map_or(hardware.memory_total_bytes.0, |size| size.0);
    let memory: u64 = sizes.iter().map(memory).sum();
    let of_slot = |tokens: u64| Bytes(tokens * KV_OF_TOKEN);
    let wanted = of_slot(8192);
    match default_context(memory) {
        4096 => {
            let machine = if sizes.is_empty() { "without a GPU" } else { "with this GPU memory" };
            format!(
                "the default on a machine {machine} is 4096 tokens per slot, less than most agents \
                 of the built-in stacks have; 8192 tokens need {wanted} of KV cache for qwen3:4b"
            )
        }
        tokens => format!(
            "the default with the GPU memory of this machine is {tokens} tokens per slot: {} of KV \
             cache for qwen3:4b; 8192 tokens need {wanted}",
            of_slot(tokens)
        ),
    }
}

/// Recommended variables of engines on that machine; the paper's values if `paper`.
pub fn engine_settings(hardware: &Hardware, paper: bool) -> Vec<EngineSetting> {
    let parallel = if paper { PAPER_PARALLEL } else { hardware.peak_parallel };
    let why = if paper {
        "the paper's value; Ollama reserves all 64 slots: 19.3 GB for qwen3:4b at 2048 tokens"
    } else {
        "the default is 1, and requests then run one after the other: the paper measured 51 tok/s \
         with 1 and 61 with 8; with slots for all, 8 gave 2.5 times 1"
    };
    let mut settings = vec![
        EngineSetting::new(OLLAMA, "OLLAMA_NUM_PARALLEL", Some(parallel.to_string()), why),
        EngineSetting::new(
            OLLAMA,
            "OLLAMA_CONTEXT_LENGTH",
            Some("8192".to_owned()),
            context_reason(hardware),
        ),
    ];
    if hardware.devices.iter().all(|device| device.kind == DeviceKind::Cpu) {
        settings.push(EngineSetting::new(
            LLAMA_SERVER,
            "GOMP_SPINCOUNT",
            Some("1000".to_owned()),
            "by default its threads spin 300000 iterations while waiting: with one of two cores \
             used by another program, 28 tok/s at 1000 and 7 at 30000 (measured, smollm2:135m)",
        ));
    }
    let architectures = architectures(hardware);
    if paper && architectures.contains(&STRIX_HALO) {
        let why = "the paper's value, for a version of Ollama without gfx1151; not needed today";
        settings.push(EngineSetting::new("rocm", VARIABLE, Some(PAPER_VALUE.to_owned()), why));
    } else if !architectures.is_empty() {
        let why = "kernels for gfx1150 and gfx1151 are built in; an override selects those of \
                   another GPU";
        settings.push(EngineSetting::new("rocm", VARIABLE, None, why));
    }
    settings
}
