//! Models for the clients: the starter model, and a copy with two of its thirty layers, whose file
//! states a training context of 32,768 tokens.
//!
//! The second model has the first one's vocabulary and chat template; its answers are random and
//! short. So the 20,000 tokens of a coding agent's prompt are processed in a minute, even by a test
//! build on two cores.
#![expect(clippy::cast_possible_truncation, reason = "lengths of a file in memory")]

use std::fs;
use std::ops::Range;

use harmonic_models::gguf::{Header, TensorInfo, TensorType};

use crate::harness::{binary, ran};

/// Context that fits the prompts of all coding agents.
pub const CONTEXT: u32 = 32_768;
const LAYERS: u32 = 2;
/// `<|im_end|>`.
const END_OF_TURN: usize = 2;

/// Path of the starter model, which `make test-real` has pulled into the user's store.
pub fn starter() -> Vec<u8> {
    let shown = ran(&mut binary(["models", "show", "smollm2:135m", "--json"]));
    fs::read(shown.json()["path"].as_str().unwrap()).unwrap()
}

/// Copy of `starter` with two layers and the long context.
pub fn long(starter: &[u8]) -> Vec<u8> {
    let mut model = starter.to_vec();
    set(&mut model, "llama.context_length", CONTEXT);
    set(&mut model, "llama.block_count", LAYERS);
    shortened(&model)
}

/// Sets the value of a key of type u32.
fn set(model: &mut [u8], key: &str, value: u32) {
    let end = position(model, &text(key)).end;
    assert_eq!(model[end..end + 4], 4_u32.to_le_bytes(), "{key} is not a UINT32");
    model[end + 4..end + 8].copy_from_slice(&value.to_le_bytes());
}

/// Removes the layers beyond the new count: llama.cpp requires every tensor to be used and
/// contiguous.
fn shortened(model: &[u8]) -> Vec<u8> {
    let header = Header::read(model, model.len() as u64).unwrap();
    let used = |tensor: &&TensorInfo| {
        let layer = tensor.name.strip_prefix("blk.").and_then(|rest| rest.split('.').next());
        layer.is_none_or(|layer| layer.parse::<u32>().unwrap() < LAYERS)
    };
    let kept: Vec<&TensorInfo> = header.tensors.iter().filter(used).collect();
    let table = position(model, &text(&header.tensors[0].name)).start;

    let mut out = model[..table].to_vec();
    // Offset after the magic number and the version.
    out[8..16].copy_from_slice(&(kept.len() as u64).to_le_bytes());
    let mut offset = 0_u64;
    for tensor in &kept {
        out.extend(text(&tensor.name));
        out.extend((tensor.dimensions.len() as u32).to_le_bytes());
        out.extend(tensor.dimensions.iter().flat_map(|side| side.to_le_bytes()));
        out.extend(tensor.kind.id().to_le_bytes());
        out.extend(offset.to_le_bytes());
        offset += tensor.bytes.next_multiple_of(ALIGNMENT);
    }
    for tensor in kept {
        out.resize(out.len().next_multiple_of(ALIGNMENT as usize), 0);
        let start = (header.data_offset + tensor.offset) as usize;
        out.extend_from_slice(&model[start..start + tensor.bytes as usize]);
        if tensor.name == "token_embd.weight" {
            let written = out.len() - tensor.bytes as usize;
            let row = tensor.dimensions[0] as usize / 32 * Q8_0;
            assert_eq!(tensor.kind, TensorType::Q8_0);
            end_often(&mut out[written + END_OF_TURN * row..][..row]);
        }
    }
    out
}

/// Bytes of a block: a scale of 16 bits, and 32 values of 8 bits.
const Q8_0: usize = 34;

/// With two layers the end of turn gets the lowest logit of all, and answers would end only at the
/// context limit. With this factor on its output row, determined by trial, they end after some ten
/// tokens.
fn end_often(row: &mut [u8]) {
    for block in row.chunks_exact_mut(Q8_0) {
        for number in &mut block[2..] {
            let scaled = i32::from(number.cast_signed()) * -5 / 8;
            *number = i8::try_from(scaled).unwrap().cast_unsigned();
        }
    }
}

/// GGUF's default alignment.
const ALIGNMENT: u64 = 32;

/// String in GGUF's encoding: length and bytes.
fn text(text: &str) -> Vec<u8> {
    [&(text.len() as u64).to_le_bytes(), text.as_bytes()].concat()
}

fn position(bytes: &[u8], part: &[u8]) -> Range<usize> {
    let start = bytes.windows(part.len()).position(|window| window == part).unwrap();
    start..start + part.len()
}
