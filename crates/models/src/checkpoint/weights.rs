//! `model.safetensors`, and its tensors as a GGUF file's.

use std::io::{self, Write};

use half::{bf16, f16};
use safetensors::{Dtype, SafeTensors};

use super::{CheckpointError, CheckpointFiles};
use crate::gguf::{Fill, GgufBuilder, TensorType};

const FILE: &str = "model.safetensors";

/// Longest file of weights, in bytes, which are held in memory while they are converted.
const MAX_WEIGHTS_BYTES: u64 = 4 << 30;

/// A tensor in both formats.
#[derive(Clone, Debug)]
pub(super) struct TensorName {
    pub(super) ours: String,
    pub(super) theirs: String,
    pub(super) precision: Precision,
}

/// Precision of a tensor in the result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Precision {
    /// F16: matrices.
    Half,
    /// F32: what llama.cpp adds or looks up row by row.
    Full,
}

impl Precision {
    fn kind(self) -> TensorType {
        match self {
            Self::Half => TensorType::F16,
            Self::Full => TensorType::F32,
        }
    }
}

/// Weights in memory.
pub(super) struct Weights(Vec<u8>);

impl Weights {
    pub(super) fn read(files: &mut dyn CheckpointFiles) -> Result<Self, CheckpointError> {
        let bytes = files.read(FILE, MAX_WEIGHTS_BYTES)?;
        bytes.map(Self).ok_or_else(|| CheckpointError::Missing(FILE.to_owned()))
    }

    /// Writes `file` with the tensors `names`, and their data.
    pub(super) fn write(
        &self,
        names: &[TensorName],
        mut file: GgufBuilder,
        output: &mut impl Write,
        mut advance: impl FnMut(usize) -> io::Result<()>,
    ) -> Result<(), CheckpointError> {
        let held = SafeTensors::deserialize(&self.0)
            .map_err(|error| CheckpointError::unreadable(FILE, &error))?;
        let mut tensors = Vec::with_capacity(names.len());
        for TensorName { ours, theirs, precision } in names {
            // Some files name the model within a larger one.
            let found = held.tensor(theirs).or_else(|_| held.tensor(&format!("bert.{theirs}")));
            let found = found.map_err(|_| {
                CheckpointError::unsupported(FILE, format!("it has no tensor `{theirs}`"))
            })?;
            // GGUF has the innermost dimension first.
            let dimensions: Vec<u64> =
                found.shape().iter().rev().map(|side| *side as u64).collect();
            file = file.tensor(ours, &dimensions, precision.kind(), Fill::Pattern);
            tensors.push((found, *precision, theirs));
        }
        output.write_all(&file.header())?;
        for (tensor, precision, name) in tensors {
            let numbers = numbers(tensor.dtype(), tensor.data()).ok_or_else(|| {
                let reason = format!("`{name}` is {:?}, expected F32, F16 or BF16", tensor.dtype());
                CheckpointError::unsupported(FILE, reason)
            })?;
            let mut data: Vec<u8> = match precision {
                Precision::Full => numbers.iter().flat_map(|n| n.to_le_bytes()).collect(),
                Precision::Half => {
                    numbers.iter().flat_map(|n| f16::from_f32(*n).to_le_bytes()).collect()
                }
            };
            file.pad(&mut data);
            output.write_all(&data)?;
            advance(data.len())?;
        }
        Ok(())
    }
}

/// The numbers of a tensor; `None` for another type.
fn numbers(kind: Dtype, data: &[u8]) -> Option<Vec<f32>> {
    let halves = |convert: fn([u8; 2]) -> f32| {
        let (halves, _) = data.as_chunks::<2>();
        halves.iter().copied().map(convert).collect()
    };
    match kind {
        Dtype::F32 => {
            let (numbers, _) = data.as_chunks::<4>();
            Some(numbers.iter().copied().map(f32::from_le_bytes).collect())
        }
        Dtype::F16 => Some(halves(|bytes| f16::from_le_bytes(bytes).to_f32())),
        Dtype::BF16 => Some(halves(|bytes| bf16::from_le_bytes(bytes).to_f32())),
        _ => None,
    }
}
