//! Recommended environment variables of engines.

use harmonic_types::{Bytes, DeviceKind, Hardware};
use serde::{Deserialize, Serialize};

use super::hsa_override::{PAPER_VALUE, STRIX_HALO, VARIABLE, architectures};

/// The paper's `OLLAMA_NUM_PARALLEL` (section 3.1).
pub(super) const PAPER_PARALLEL: u32 = 64;

/// KV cache of qwen3:4b in `f16` (`docs/sources.md#kv-per-token`).
pub(super) const KV_PER_TOKEN: Bytes = Bytes(144 * 1024);

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

/// Ollama's default context of a slot by the memory of all GPUs, from the largest down
/// (`docs/sources.md#behaviour-of-ollama`).
const DEFAULT_CONTEXTS: [(Bytes, u64); 3] =
    [(Bytes(47 << 30), 262_144), (Bytes(23 << 30), 32_768), (Bytes::ZERO, 4096)];

/// The default context of Ollama on that machine, and what 8192 tokens cost instead.
fn default_context(hardware: &Hardware) -> String {
    let gpus = hardware.devices.iter().filter(|device| device.kind != DeviceKind::Cpu);
    let memory: Option<Bytes> = gpus.map(|device| device.memory_bytes).sum();
    let of = |memory: Bytes| DEFAULT_CONTEXTS.iter().find(|(least, _)| memory >= *least);
    let (default, tokens) = match memory {
        Some(Bytes::ZERO) => ("without a GPU is".to_owned(), of(Bytes::ZERO)),
        Some(memory) => (format!("with {memory} of GPU memory is"), of(memory)),
        // The driver's share for a GPU without memory of its own is a setting.
        None => {
            ("follows the memory that the GPU is given, up to".to_owned(), DEFAULT_CONTEXTS.first())
        }
    };
    let tokens = tokens.map_or(0, |(_, tokens)| *tokens);
    let kv = |tokens: u64| Bytes(KV_PER_TOKEN.0 * tokens);
    format!(
        "the default {default} {tokens} tokens per slot: {} of KV cache for qwen3:4b; 8192 tokens, \
         the context of most of our agents, need {}",
        kv(tokens),
        kv(8192)
    )
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
            default_context(hardware),
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
