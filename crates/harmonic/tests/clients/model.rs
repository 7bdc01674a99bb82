//! The models under the clients: the starter model, and the same with two of its thirty layers, which
//! says in its file that it was trained for 32,768 tokens.
//!
//! The second one's vocabulary and chat template are those of the first; what it says is noise, and
//! soon at its end. So the 20,000 tokens of a coding agent's own prompt are read in a minute, also by a
//! build for tests on two cores.
#![expect(clippy::cast_possible_truncation, reason = "the lengths of a file that is in memory")]

use std::fs;
use std::ops::Range;

use harmonic_models::gguf::{Header, TensorInfo, TensorType};

use crate::harness::{binary, ran};

/// A context that Claude Code's prompt and Codex's fit into.
pub const CONTEXT: u32 = 32_768;
const LAYERS: u32 = 2;
/// `<|im_end|>`.
const END_OF_TURN: usize = 2;

/// The starter model, which `make test-real` has pulled into the user's own store.
pub fn starter() -> Vec<u8> {
    let shown = ran(&mut binary(["models", "show", "smollm2:135m", "--json"]));
    fs::read(shown.json()["path"].as_str().unwrap()).unwrap()
}

/// Two layers of `starter`, and the long context.
pub fn long(starter: &[u8]) -> Vec<u8> {
    let mut model = starter.to_vec();
    set(&mut model, "llama.context_length", CONTEXT);
    set(&mut model, "llama.block_count", LAYERS);
    shortened(&model)
}

/// Gives the key a value. Its type, 32 bits without sign, is that of the file.
fn set(model: &mut [u8], key: &str, value: u32) {
    let end = position(model, &text(key)).end;
    assert_eq!(model[end..end + 4], 4_u32.to_le_bytes(), "{key} is not a UINT32");
    model[end + 4..end + 8].copy_from_slice(&value.to_le_bytes());
}

/// Without the layers that the file does not count any more: llama.cpp wants every tensor used, and
/// one after another.
fn shortened(model: &[u8]) -> Vec<u8> {
    let header = Header::read(model, model.len() as u64).unwrap();
    let used = |tensor: &&TensorInfo| {
        let layer = tensor.name.strip_prefix("blk.").and_then(|rest| rest.split('.').next());
        layer.is_none_or(|layer| layer.parse::<u32>().unwrap() < LAYERS)
    };
    let kept: Vec<&TensorInfo> = header.tensors.iter().filter(used).collect();
    let table = position(model, &text(&header.tensors[0].name)).start;

    let mut out = model[..table].to_vec();
    // After the magic number and the version.
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

/// Bytes of a block: the scale of 16 bits, and 32 numbers of 8.
const Q8_0: usize = 34;

/// With two layers the end of a turn gets the lowest logit of all, and an answer would end with the
/// context. With this factor on its row of the output it comes after some ten tokens, found by trial.
fn end_often(row: &mut [u8]) {
    for block in row.chunks_exact_mut(Q8_0) {
        for number in &mut block[2..] {
            let scaled = i32::from(number.cast_signed()) * -5 / 8;
            *number = i8::try_from(scaled).unwrap().cast_unsigned();
        }
    }
}

/// GGUF's, where a file states no other.
const ALIGNMENT: u64 = 32;

/// A text as GGUF has it: its length, and its bytes.
fn text(text: &str) -> Vec<u8> {
    [&(text.len() as u64).to_le_bytes(), text.as_bytes()].concat()
}

fn position(bytes: &[u8], part: &[u8]) -> Range<usize> {
    let start = bytes.windows(part.len()).position(|window| window == part).unwrap();
    start..start + part.len()
}
