//! llama-server of llama.cpp: its flags, and the documents it states its slots in.

mod flags;
mod status;

use harmonic_types::{Bytes, EnginePlan, EngineProgram, KvLayout, ProcessSpec, Tokens};

pub use self::flags::{Embedding, Flags};
pub use self::status::{Metrics, Props, Slot, judge, parse_metrics, parse_props, parse_slots};
use crate::error::ProgramError;
use crate::in_force::InForce;
use crate::launch::{Launch, Place};

/// Device without a GPU.
pub(crate) const CPU: &str = "cpu";

pub(crate) fn launch(
    engine: &EnginePlan,
    process: &ProcessSpec,
    at: &Place,
) -> Result<Launch, ProgramError> {
    let program = EngineProgram::LlamaServer;
    let model = process
        .path
        .clone()
        .ok_or_else(|| ProgramError::NoModelFile { program, model: engine.model.clone() })?;
    let flags = Flags {
        model,
        alias: engine.id.clone(),
        host: at.host.clone(),
        port: at.port,
        slots: engine.sequences,
        cells: u64::from(engine.sequences) * u64::from(process.context.0),
        layout: KvLayout::Streams,
        kv_type: process.kv_type,
        attention: Some(process.attention),
        threads: process.threads,
        on_gpu: engine.device != CPU,
        // The ledger has no line for prompts outside of the slots.
        prompt_cache: Bytes::ZERO,
        embedding: None,
        sampling: None,
        metrics: true,
    };
    flags.check(&engine.id)?;
    Ok(Launch { arguments: flags.arguments(), ..Launch::default() })
}

pub(crate) fn read_back(launch: &Launch) -> Result<InForce, ProgramError> {
    let flags = Flags::parse(&launch.arguments)?;
    Ok(InForce {
        parallel: flags.slots,
        context: flags.slot_context(),
        kv_type: flags.kv_type,
        attention: flags.attention,
        threads: Some(flags.threads),
        model: Some(flags.model),
        memory_share: None,
    })
}

/// `cells` as a context, which is at most `u32::MAX`.
fn tokens(cells: u64) -> Tokens {
    Tokens(u32::try_from(cells).unwrap_or(u32::MAX))
}
