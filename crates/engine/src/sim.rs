//! Simulated machine: the same scheduler, chat and sampling, with step times from the cost model in
//! `perfmodel`. For scale tests, hardware that is not present, and load tests.
//!
//! Invariants: the logits depend only on the sequence's own tokens, so a prompt gives the same text
//! alone and in any batch; the KV cache is finite; an operation that is invalid on a real machine
//! is an error here.
//!
//! Does not do: language. Its text consists of letters derived from a hash.

mod cost_model;
mod encoder;
mod simulate;
mod vocabulary;

use std::collections::HashMap;
use std::sync::Arc;

use harmonic_batching::{Batch, CacheOp, SnapshotId, Token};
use harmonic_perfmodel::mix;
use harmonic_perfmodel::step::{StepLoad, step_time};
use harmonic_types::{Bytes, KvLayout, Tokens};

use crate::clock::WallClock;
use crate::engine::{Allocation, EngineError};
use crate::local::{Local, LocalConfig};
use crate::machine::{Machine, MachineError, Outcome};
use crate::sampling::Samplers;

pub use cost_model::CostModel;
pub use encoder::{SimEncoder, spawn_embedder};
pub use simulate::{Arrival, RequestOutcome, simulate};
pub use vocabulary::SimVocabulary;

/// State of one sequence: for each token, the hash of all tokens up to it, so that it can be
/// trimmed.
#[derive(Clone, Debug, Default)]
struct Cells {
    tokens: Vec<u64>,
}

impl Cells {
    fn len(&self) -> u32 {
        u32::try_from(self.tokens.len()).unwrap_or(u32::MAX)
    }

    fn hash(&self) -> u64 {
        self.tokens.last().copied().unwrap_or(0)
    }

    fn push(&mut self, Token(token): Token) {
        self.tokens.push(mix(self.hash() ^ u64::from(token.cast_unsigned())));
    }
}

/// A simulated machine.
#[derive(Debug)]
pub struct SimMachine {
    costs: CostModel,
    kv_tokens: u64,
    layout: KvLayout,
    sequences: Vec<Cells>,
    snapshots: HashMap<SnapshotId, Cells>,
    logits: Vec<f32>,
}

impl SimMachine {
    /// A machine of `sequences` sequences over a unified pool of `kv_tokens` cells.
    pub fn new(costs: CostModel, sequences: u32, kv_tokens: u64) -> Self {
        Self {
            costs,
            kv_tokens,
            layout: KvLayout::Unified,
            sequences: vec![Cells::default(); sequences as usize],
            snapshots: HashMap::new(),
            logits: vec![0.0; vocabulary::SIZE],
        }
    }

    /// Sets the KV layout.
    #[must_use]
    pub fn in_layout(self, layout: KvLayout) -> Self {
        Self { layout, ..self }
    }

    /// Checks that all tokens of the sequences fit the cells.
    fn check_room(&self, action: &'static str) -> Result<(), MachineError> {
        let mut held = self.sequences.iter().map(|cells| u64::from(cells.len()));
        let (held, cells) = match self.layout {
            KvLayout::Streams => {
                let each = self.kv_tokens / (self.sequences.len() as u64).max(1);
                (held.max().unwrap_or(0), each)
            }
            KvLayout::Unified => (held.by_ref().sum(), self.kv_tokens),
        };
        if held > cells {
            return Err(failed(action, format!("{held} tokens in {cells} cells")));
        }
        Ok(())
    }

    fn cells(&mut self, seq: harmonic_batching::SeqId) -> Result<&mut Cells, MachineError> {
        self.sequences
            .get_mut(seq.0 as usize)
            .ok_or_else(|| failed("cache", format!("there is no sequence {}", seq.0)))
    }
}

/// Starts a simulated engine in real time.
///
/// # Errors
/// See [`Local::spawn`].
pub fn spawn(config: LocalConfig, costs: CostModel) -> Result<Local, EngineError> {
    let (sequences, kv_tokens, layout) = (config.sequences, config.kv_tokens, config.kv_layout);
    Local::spawn(config, Arc::new(SimVocabulary), move |thread| {
        let machine = SimMachine::new(costs, sequences, kv_tokens).in_layout(layout);
        thread.drive(machine, &mut WallClock::default())
    })
}

impl Machine for SimMachine {
    fn allocation(&self) -> Allocation {
        Allocation {
            weights_bytes: Some(self.costs.weights_bytes),
            kv_bytes: Some(Bytes(self.costs.kv.bytes_per_token().0 * self.kv_tokens)),
            state_bytes: None,
            compute_bytes: None,
            resident_bytes: None,
        }
    }

    fn supports_partial_removal(&self) -> bool {
        true
    }

    fn cache(&mut self, op: &CacheOp) -> Result<Bytes, MachineError> {
        match *op {
            CacheOp::Drop { seq } => *self.cells(seq)? = Cells::default(),
            CacheOp::Save { seq, snapshot } => {
                let cells = self.cells(seq)?.clone();
                let bytes = self.costs.kv.read(Tokens(cells.len()));
                self.snapshots.insert(snapshot, cells);
                return Ok(bytes);
            }
            CacheOp::Restore { snapshot, seq } => {
                let saved = self.snapshots.get(&snapshot).cloned();
                let saved =
                    saved.ok_or_else(|| failed("restore", "no such snapshot".to_owned()))?;
                let cells = self.cells(seq)?;
                if cells.len() > 0 {
                    return Err(failed("restore", format!("sequence {} is not empty", seq.0)));
                }
                *cells = saved;
                self.check_room("restore")?;
            }
            CacheOp::Trim { seq, keep } => {
                let cells = self.cells(seq)?;
                if keep > cells.len() {
                    return Err(failed("trim", format!("to {keep} of {} tokens", cells.len())));
                }
                cells.tokens.truncate(keep as usize);
            }
            CacheOp::Share { from, to, tokens } => {
                let mut shared = self.cells(from)?.clone();
                let cells = self.cells(to)?;
                if cells.len() > 0 || tokens > shared.len() {
                    let held = shared.len();
                    let reason = format!("{tokens} of {held} tokens to {}", cells.len());
                    return Err(failed("share", reason));
                }
                if self.layout == KvLayout::Streams {
                    return Err(failed("share", "streams have cells of their own".to_owned()));
                }
                shared.tokens.truncate(tokens as usize);
                *self.cells(to)? = shared;
                self.check_room("share")?;
            }
            CacheOp::Move { from, to } => {
                if self.cells(to)?.len() > 0 {
                    return Err(failed("move", format!("sequence {} is not empty", to.0)));
                }
                *self.cells(to)? = std::mem::take(self.cells(from)?);
            }
            CacheOp::Discard { snapshot } => {
                let known = self.snapshots.remove(&snapshot);
                known.ok_or_else(|| failed("discard", "no such snapshot".to_owned()))?;
            }
        }
        Ok(Bytes::ZERO)
    }

    fn run(&mut self, batch: &Batch, samplers: &mut Samplers) -> Result<Outcome, MachineError> {
        let mut outcome = Outcome::default();
        let mut load = StepLoad::default();
        for row in &batch.rows {
            let cells = self.cells(row.seq)?;
            if cells.len() != row.position {
                let reason = format!("position {} after {} tokens", row.position, cells.len());
                return Err(failed("decode", reason));
            }
            for token in batch.tokens_of(row) {
                cells.push(*token);
            }
            let (len, hash) = (cells.len(), cells.hash());
            load.kv_bytes += self.costs.kv.read(Tokens(len));
            if row.len == 1 && row.sample {
                load.decode_sequences += 1;
            } else {
                load.prefill_tokens += u32::try_from(row.len).unwrap_or(u32::MAX);
            }
            if row.sample {
                vocabulary::logits(hash, &mut self.logits);
                let choice = samplers.choose(row.request, &self.logits);
                outcome.samples.push(choice.ok_or(MachineError::NoLogits)?);
            }
        }
        self.check_room("decode")?;
        outcome.simulated_time = step_time(&self.costs.machine, &self.costs.weights, &load);
        Ok(outcome)
    }
}

fn failed(action: &'static str, reason: String) -> MachineError {
    MachineError::Failed { action, reason }
}
