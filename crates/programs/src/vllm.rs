//! vLLM: `vllm serve`.
//!
//! Not run by this project yet. Flags and variables are those of its documentation:
//! `docs/sources.md#vllm-and-unified-memory`.

mod flags;

use harmonic_types::{Bytes, EnginePlan, EngineProgram, Finding, KvType, ProcessSpec};

pub use self::flags::Flags;
use crate::error::ProgramError;
use crate::in_force::InForce;
use crate::launch::{Launch, Place};
use crate::llama_server::CPU;

const PROGRAM: EngineProgram = EngineProgram::Vllm;

/// Unit of `VLLM_CPU_KVCACHE_SPACE`.
const GIB: u64 = 1 << 30;

/// Memory of the KV cache of its CPU build.
const CPU_KV_SPACE: &str = "VLLM_CPU_KVCACHE_SPACE";

/// Cores of its CPU build: `nobind` takes the number of threads from `OMP_NUM_THREADS`.
const CPU_BINDING: &str = "VLLM_CPU_OMP_THREADS_BIND";

const OMP_THREADS: &str = "OMP_NUM_THREADS";

pub(crate) fn launch(
    engine: &EnginePlan,
    process: &ProcessSpec,
    at: &Place,
) -> Result<Launch, ProgramError> {
    let unsupported = |reason: String, remedy| ProgramError::Unsupported {
        program: PROGRAM,
        engine: engine.id.clone(),
        reason,
        remedy,
    };
    let model = process.path.clone().ok_or_else(|| ProgramError::NoModelFile {
        program: PROGRAM,
        model: engine.model.clone(),
    })?;
    if process.kv_type != KvType::F16 {
        let reason = format!("it has no KV cache of type {}", process.kv_type);
        return Err(unsupported(reason, "use an f16 KV cache"));
    }
    let on_gpu = engine.device != CPU;
    let memory_share = if on_gpu {
        let memory = at.device_memory.ok_or_else(|| {
            let reason = "the memory of its device is unknown".to_owned();
            unsupported(reason, "`harmonic detect` shows what is known of the device")
        })?;
        let share = memory_share(engine.total_bytes, memory).ok_or_else(|| {
            let reason = format!("it needs {} of a device of {memory}", engine.total_bytes);
            unsupported(reason, "plan with a smaller --context, or fewer agents")
        })?;
        Some(share)
    } else {
        None
    };
    let flags = Flags {
        model,
        alias: engine.id.clone(),
        host: at.host.clone(),
        port: at.port,
        sequences: engine.sequences,
        context: process.context,
        memory_share,
    };
    let mut environment = vec![("HOME", at.folder.clone().into_os_string())];
    if !on_gpu {
        environment.push((CPU_KV_SPACE, engine.kv_bytes.0.div_ceil(GIB).max(1).to_string().into()));
        environment.push((CPU_BINDING, "nobind".into()));
        environment.push((OMP_THREADS, process.threads.to_string().into()));
    }
    let environment =
        environment.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    Ok(Launch { arguments: flags.arguments(), environment, remove: Vec::new() })
}

/// Share of a device's memory for an engine that needs `total`, rounded up to the fourth digit;
/// `None` if it does not fit.
pub fn memory_share(total: Bytes, device: Bytes) -> Option<f64> {
    let parts = u128::from(total.0) * u128::from(flags::SHARE_PARTS);
    let parts = u32::try_from(parts.div_ceil(u128::from(device.0).max(1))).ok()?;
    (1..=flags::SHARE_PARTS)
        .contains(&parts)
        .then(|| f64::from(parts) / f64::from(flags::SHARE_PARTS))
}

/// Warns of a start that fails on unified memory: vLLM compares its share of all memory with what
/// is free, and memory of the page cache is not free to it.
pub fn judge_unified_memory(share: f64, total: Bytes, free: Bytes) -> Option<Finding> {
    let wanted = share * total.0 as f64;
    (wanted > free.0 as f64).then(|| {
        Finding::new(
            "vllm-free-memory",
            format!(
                "vllm asks for {:.1} GB at its start, and {free} are free: memory of the page \
                 cache does not count",
                wanted / 1e9
            ),
            "empty the page cache before the start: sync; echo 1 | sudo tee /proc/sys/vm/drop_caches",
        )
    })
}

pub(crate) fn read_back(launch: &Launch) -> Result<InForce, ProgramError> {
    let flags = Flags::parse(&launch.arguments)?;
    let threads = launch.variable(OMP_THREADS).map(|value| {
        let parsed = value.to_str().and_then(|value| value.parse().ok());
        parsed.ok_or_else(|| ProgramError::ReadBack {
            program: PROGRAM,
            what: format!("variable {OMP_THREADS}"),
            reason: format!("`{}` is not a number", value.display()),
        })
    });
    Ok(InForce {
        parallel: flags.sequences,
        context: flags.context,
        kv_type: KvType::F16,
        attention: None,
        threads: threads.transpose()?,
        model: Some(flags.model),
        memory_share: flags.memory_share,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_share_of_memory_holds_what_the_ledger_says() {
        let gb = |gigabytes| Bytes::from_gb(gigabytes);
        assert_eq!(memory_share(gb(32.0), gb(128.0)), Some(0.25));
        assert_eq!(memory_share(gb(128.0), gb(128.0)), Some(1.0));
        assert_eq!(memory_share(gb(128.1), gb(128.0)), None);
        assert_eq!(memory_share(Bytes(1), gb(128.0)), Some(0.0001));
        assert_eq!(memory_share(Bytes(u64::MAX), Bytes(1)), None);
        assert_eq!(memory_share(gb(1.0), Bytes::ZERO), None);
        assert_eq!(memory_share(Bytes::ZERO, gb(1.0)), None);
    }

    #[test]
    fn memory_that_the_page_cache_holds_is_not_free_to_it() {
        let total = Bytes::from_gb(128.0);
        assert_eq!(judge_unified_memory(0.5, total, Bytes::from_gb(70.0)), None);
        let finding = judge_unified_memory(0.5, total, Bytes::from_gb(40.0)).unwrap();
        assert!(finding.message.contains("asks for 64.0 GB at its start, and 40.0 GB are free"));
    }
}
