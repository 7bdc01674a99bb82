//! llama.cpp context as a machine that executes the scheduler's steps.

use std::collections::HashMap;

use harmonic_engine::sampling::{SampleResult, Samplers};
use harmonic_engine::{
    Allocation, Batch, CacheOp, EngineError, Machine, MachineError, Outcome, SnapshotId,
};
use harmonic_types::{Bytes, KvLayout};
use llama_cpp_2::context::LlamaContext;
use llama_cpp_2::context::session::{LlamaStateSeqFlags, SeqState};
use llama_cpp_2::llama_batch::LlamaBatch;
use llama_cpp_2::token::LlamaToken;

use crate::cells::Cells;
use crate::context;
use crate::engine::LlamaSetup;
use crate::log::Buffers;
use crate::model::Model;
use crate::passes::{Chunk, calls};

/// A context with its step state. Borrows the model, so it lives on the stack of the engine thread.
#[derive(Debug)]
pub struct LlamaMachine<'m> {
    context: LlamaContext<'m>,
    batch: LlamaBatch<'static>,
    snapshots: HashMap<SnapshotId, Snapshot>,
    cells: Cells,
    allocation: Allocation,
    /// Maximum rows with logits in a batch.
    most_outputs: usize,
    layout: KvLayout,
    partial_removal: bool,
}

/// A saved sequence.
#[derive(Debug)]
struct Snapshot {
    state: SeqState,
    /// Number of tokens.
    tokens: u32,
}

impl<'m> LlamaMachine<'m> {
    /// A context of `setup` over `model`.
    ///
    /// # Errors
    /// [`EngineError::Setup`] if llama.cpp cannot allocate it.
    pub fn new(model: &'m Model, setup: &LlamaSetup) -> Result<Self, EngineError> {
        let (context, Buffers { kv, state, compute }) = context::create(model, setup)?;
        let weights_bytes = Some(model.weights_bytes());
        let allocation = Allocation {
            weights_bytes,
            kv_bytes: kv,
            state_bytes: state,
            compute_bytes: compute,
            resident_bytes: None,
        };
        Ok(Self {
            context,
            batch: LlamaBatch::new(setup.batch_tokens as usize, 1),
            snapshots: HashMap::new(),
            cells: Cells::of(setup),
            allocation,
            most_outputs: context::most_outputs(setup) as usize,
            layout: setup.kv_layout,
            partial_removal: model.supports_partial_removal(),
        })
    }
}

impl Machine for LlamaMachine<'_> {
    fn allocation(&self) -> Allocation {
        self.allocation
    }

    fn supports_partial_removal(&self) -> bool {
        self.partial_removal
    }

    fn cache(&mut self, op: &CacheOp) -> Result<Bytes, MachineError> {
        match *op {
            CacheOp::Drop { seq } => {
                self.context
                    .kv_cache_seq_rm(seq_id(seq.0), None, None)
                    .map_err(|error| failed("dropping a sequence", &error))?;
                self.cells.set(seq, 0);
            }
            CacheOp::Save { seq, snapshot } => {
                let state = self
                    .context
                    .state_seq_get(seq_id(seq.0), LlamaStateSeqFlags::empty())
                    .map_err(|error| failed("saving a sequence", &error))?;
                let bytes = Bytes(state.byte_len() as u64);
                let tokens = self.cells.of_sequence(seq);
                self.snapshots.insert(snapshot, Snapshot { state, tokens });
                return Ok(bytes);
            }
            CacheOp::Restore { snapshot, seq } => {
                let restoring = "restoring a sequence";
                let Snapshot { state, tokens } = self
                    .snapshots
                    .get(&snapshot)
                    .ok_or_else(|| failed(restoring, &"there is no such snapshot"))?;
                self.cells.check(seq, *tokens).map_err(|reason| failed(restoring, &reason))?;
                self.context
                    .state_seq_set(state, seq_id(seq.0))
                    .map_err(|error| failed(restoring, &error))?;
                self.cells.set(seq, *tokens);
            }
            CacheOp::Trim { seq, keep } => {
                let trimmed = self
                    .context
                    .clear_kv_cache_seq(Some(seq.0), Some(keep), None)
                    .map_err(|error| failed("trimming a sequence", &error))?;
                if !trimmed {
                    return Err(failed(
                        "trimming a sequence",
                        &"its state does not support partial removal",
                    ));
                }
                self.cells.set(seq, keep);
            }
            CacheOp::Share { from, to, tokens } => {
                self.context
                    .kv_cache_seq_cp(seq_id(from.0), seq_id(to.0), Some(0), Some(tokens))
                    .map_err(|error| failed("sharing a sequence", &error))?;
                self.cells.set(to, tokens);
            }
            // Through memory: `seq_cp` between streams copies the whole stream, used or not.
            CacheOp::Move { from, to } => {
                let tokens = self.cells.of_sequence(from);
                self.cells
                    .check(to, tokens)
                    .map_err(|reason| failed("moving a sequence", &reason))?;
                let state = self
                    .context
                    .state_seq_get(seq_id(from.0), LlamaStateSeqFlags::empty())
                    .map_err(|error| failed("moving a sequence", &error))?;
                self.context
                    .state_seq_set(&state, seq_id(to.0))
                    .map_err(|error| failed("moving a sequence", &error))?;
                self.context
                    .kv_cache_seq_rm(seq_id(from.0), None, None)
                    .map_err(|error| failed("moving a sequence", &error))?;
                self.cells.set(from, 0);
                self.cells.set(to, tokens);
            }
            CacheOp::Discard { snapshot } => {
                self.snapshots.remove(&snapshot);
            }
        }
        Ok(Bytes::ZERO)
    }

    fn run(&mut self, batch: &Batch, samplers: &mut Samplers) -> Result<Outcome, MachineError> {
        let outputs = batch.sampling_rows().count();
        if outputs > self.most_outputs {
            let room = self.most_outputs;
            let reason = format!("{outputs} rows want logits and the context holds {room}");
            return Err(failed("decoding", &reason));
        }
        let mut by_row: Vec<Option<SampleResult>> = vec![None; batch.rows.len()];
        for call in calls(batch, self.layout) {
            let sampling = self.decode(batch, &call)?;
            let logits: Vec<_> = sampling
                .iter()
                .map(|(row, at)| (batch.rows[*row].request, self.context.get_logits_ith(*at)))
                .collect();
            let drawn = samplers.choose_all(&logits).ok_or(MachineError::NoLogits)?;
            for chunk in &call {
                let row = &batch.rows[chunk.row];
                let after = u32::try_from(chunk.to).unwrap_or(u32::MAX);
                self.cells.set(row.seq, row.position.saturating_add(after));
            }
            for ((row, _), drawn) in sampling.into_iter().zip(drawn) {
                by_row[row] = Some(drawn);
            }
        }
        Ok(Outcome { samples: by_row.into_iter().flatten().collect(), ..Outcome::default() })
    }
}

impl LlamaMachine<'_> {
    /// Computes one call; returns the sampling rows that end in it, with the indices of their
    /// logits.
    fn decode(&mut self, batch: &Batch, call: &[Chunk]) -> Result<Vec<(usize, i32)>, MachineError> {
        self.batch.clear();
        let mut sampling = Vec::new();
        for Chunk { row: index, from, to } in call.iter().copied() {
            let row = &batch.rows[index];
            for (token, at) in batch.tokens_of(row)[from..to].iter().zip(from..) {
                let position = i32::try_from(row.position as usize + at).unwrap_or(i32::MAX);
                let wants_logits = row.sample && at + 1 == row.len;
                if wants_logits {
                    sampling.push((index, self.batch.n_tokens()));
                }
                self.batch
                    .add(LlamaToken(token.0), position, &[seq_id(row.seq.0)], wants_logits)
                    .map_err(|error| failed("building a batch", &error))?;
            }
        }
        self.context.decode(&mut self.batch).map_err(|error| failed("decoding", &error))?;
        Ok(sampling)
    }
}

/// Sequence ids are below 256 (`LLAMA_MAX_SEQ`).
fn seq_id(seq: u32) -> i32 {
    i32::try_from(seq).unwrap_or(i32::MAX)
}

fn failed(action: &'static str, reason: &impl std::fmt::Display) -> MachineError {
    MachineError::Failed { action, reason: reason.to_string() }
}
