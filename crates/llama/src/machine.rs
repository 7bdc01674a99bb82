//! A llama.cpp context as the machine that runs the scheduler's batches.

use std::collections::HashMap;

use harmonic_engine::sampling::{Choice, Samplers};
use harmonic_engine::{
    Allocation, Batch, CacheOp, EngineError, Machine, MachineError, Outcome, SnapshotId,
};
use harmonic_types::{Bytes, KvLayout};
use llama_cpp_2::context::LlamaContext;
use llama_cpp_2::context::session::{LlamaStateSeqFlags, SeqState};
use llama_cpp_2::llama_batch::LlamaBatch;
use llama_cpp_2::token::LlamaToken;

use crate::context;
use crate::engine::LlamaSetup;
use crate::log::Buffers;
use crate::model::Model;
use crate::passes::{Piece, calls};

/// A context and what it needs at every step. Borrows the model, so it lives on the stack of the
/// engine's thread.
#[derive(Debug)]
pub struct LlamaMachine<'m> {
    context: LlamaContext<'m>,
    batch: LlamaBatch<'static>,
    snapshots: HashMap<SnapshotId, SeqState>,
    allocation: Allocation,
    /// Most rows of a batch that may want logits.
    most_outputs: usize,
    layout: KvLayout,
    trims: bool,
}

impl<'m> LlamaMachine<'m> {
    /// A context of `setup` over `model`.
    ///
    /// # Errors
    /// [`EngineError::Setup`] when llama.cpp cannot allocate it.
    pub fn new(model: &'m Model, setup: &LlamaSetup) -> Result<Self, EngineError> {
        let (context, Buffers { kv, state, compute }) = context::create(model, setup)?;
        let weights_bytes = Some(model.weights_bytes());
        let allocation =
            Allocation { weights_bytes, kv_bytes: kv, state_bytes: state, compute_bytes: compute };
        Ok(Self {
            context,
            batch: LlamaBatch::new(setup.batch_tokens as usize, 1),
            snapshots: HashMap::new(),
            allocation,
            most_outputs: context::most_outputs(setup) as usize,
            layout: setup.kv_layout,
            trims: model.trims(),
        })
    }
}

impl Machine for LlamaMachine<'_> {
    fn allocation(&self) -> Allocation {
        self.allocation
    }

    fn trims(&self) -> bool {
        self.trims
    }

    fn cache(&mut self, op: &CacheOp) -> Result<Bytes, MachineError> {
        match *op {
            CacheOp::Drop { seq } => {
                let seq = seq_id(seq.0);
                self.context
                    .kv_cache_seq_rm(seq, None, None)
                    .map_err(|error| failed("dropping a sequence", &error))?;
            }
            CacheOp::Save { seq, snapshot } => {
                let state = self
                    .context
                    .state_seq_get(seq_id(seq.0), LlamaStateSeqFlags::empty())
                    .map_err(|error| failed("saving a sequence", &error))?;
                let bytes = Bytes(state.byte_len() as u64);
                self.snapshots.insert(snapshot, state);
                return Ok(bytes);
            }
            CacheOp::Restore { snapshot, seq } => {
                let state = self
                    .snapshots
                    .get(&snapshot)
                    .ok_or_else(|| failed("restoring a sequence", &"there is no such snapshot"))?;
                self.context
                    .state_seq_set(state, seq_id(seq.0))
                    .map_err(|error| failed("restoring a sequence", &error))?;
            }
            CacheOp::Trim { seq, keep } => {
                self.context
                    .kv_cache_seq_rm(seq_id(seq.0), Some(keep), None)
                    .map_err(|error| failed("trimming a sequence", &error))?;
            }
            // By way of memory: `seq_cp` between streams copies the whole stream, whatever it holds.
            CacheOp::Move { from, to } => {
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
        let mut choices: Vec<Option<Choice>> = vec![None; batch.rows.len()];
        for call in calls(batch, self.layout) {
            let sampling = self.decode(batch, &call)?;
            let logits: Vec<_> = sampling
                .iter()
                .map(|(row, at)| (batch.rows[*row].request, self.context.get_logits_ith(*at)))
                .collect();
            let chosen = samplers.choose_all(&logits).ok_or(MachineError::NoLogits)?;
            for ((row, _), choice) in sampling.into_iter().zip(chosen) {
                choices[row] = Some(choice);
            }
        }
        Ok(Outcome { choices: choices.into_iter().flatten().collect(), ..Outcome::default() })
    }
}

impl LlamaMachine<'_> {
    /// Computes one call; the rows that end in it and are to be sampled, each with the place of its
    /// logits.
    fn decode(&mut self, batch: &Batch, call: &[Piece]) -> Result<Vec<(usize, i32)>, MachineError> {
        self.batch.clear();
        let mut sampling = Vec::new();
        for Piece { row: index, from, to } in call.iter().copied() {
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
