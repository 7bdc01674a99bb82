//! Contents of a tensor.

use crate::gguf::tensor::TensorType;

/// Elements encoded at once: a multiple of the block of every type with an encoder.
const CHUNK: u64 = 32;

/// Content of a tensor. Numbers are encoded in F32, F16, BF16, `Q8_0`, `Q4_0` and `Q4_1`; a tensor
/// of any other type is all zero bytes, which encode zeros.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Fill {
    /// Ascending bytes, so that a misplaced one changes the digest; not meaningful numbers.
    Pattern,
    /// This number in all elements.
    Constant(f32),
    /// Uniformly distributed numbers in ± `scale`.
    Random {
        /// Seed, combined with the tensor's name.
        seed: u64,
        /// Largest magnitude.
        scale: f32,
    },
}

impl Fill {
    pub(super) fn data(self, name: &str, kind: TensorType, elements: u64) -> Vec<u8> {
        let (block, block_bytes) = kind.block();
        let bytes = elements / block * block_bytes;
        let mut next: Box<dyn FnMut() -> f32> = match self {
            Self::Pattern => return (0..bytes).map(|index| (index % 251) as u8).collect(),
            Self::Constant(number) => Box::new(move || number),
            Self::Random { seed, scale } => {
                let mut random = fastrand::Rng::with_seed(seed ^ hash(name));
                Box::new(move || scale * (2.0 * random.f32() - 1.0))
            }
        };
        let Some(encode) = encoder(kind) else {
            return vec![0; usize::try_from(bytes).unwrap_or(0)];
        };
        let mut data = Vec::with_capacity(usize::try_from(bytes).unwrap_or(0));
        let mut left = elements;
        while left > 0 {
            let numbers: Vec<f32> = (0..left.min(CHUNK)).map(|_| next()).collect();
            encode(&numbers, &mut data);
            left -= left.min(CHUNK);
        }
        data
    }
}

/// Encoder of numbers in a tensor format, appended to a buffer.
type Encode = fn(&[f32], &mut Vec<u8>);

fn encoder(kind: TensorType) -> Option<Encode> {
    Some(match kind {
        TensorType::F32 => |numbers, out| out.extend(numbers.iter().flat_map(|n| n.to_le_bytes())),
        TensorType::F16 => |numbers, out| out.extend(numbers.iter().flat_map(|n| half(*n))),
        TensorType::BF16 => |numbers, out| {
            out.extend(numbers.iter().flat_map(|n| [n.to_le_bytes()[2], n.to_le_bytes()[3]]));
        },
        TensorType::Q8_0 => q8_0,
        TensorType::Q4_0 => q4_0,
        TensorType::Q4_1 => q4_1,
        _ => return None,
    })
}

#[expect(clippy::cast_possible_truncation, reason = "at most 127 in magnitude")]
fn q8_0(numbers: &[f32], out: &mut Vec<u8>) {
    let step = numbers.iter().fold(0.0_f32, |most, n| most.max(n.abs())) / 127.0;
    out.extend(half(step));
    let quantum = |n: &f32| if step > 0.0 { (n / step).round() as i8 } else { 0 };
    out.extend(numbers.iter().map(quantum).map(i8::cast_unsigned));
}

fn q4_0(numbers: &[f32], out: &mut Vec<u8>) {
    let step = numbers.iter().fold(0.0_f32, |most, n| most.max(n.abs())) / 8.0;
    out.extend(half(step));
    nibbles(numbers, -8.0 * step, step, out);
}

fn q4_1(numbers: &[f32], out: &mut Vec<u8>) {
    let least = numbers.iter().copied().fold(f32::INFINITY, f32::min);
    let most = numbers.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let step = (most - least) / 15.0;
    out.extend(half(step));
    out.extend(half(least));
    nibbles(numbers, least, step, out);
}

/// Encodes 4-bit steps above `least`: the first half of a block in the low nibbles, the second in
/// the high.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to 0 ..= 15")]
fn nibbles(numbers: &[f32], least: f32, step: f32, out: &mut Vec<u8>) {
    let quantum =
        |n: f32| if step > 0.0 { ((n - least) / step).round().clamp(0.0, 15.0) as u8 } else { 0 };
    let (low, high) = numbers.split_at(numbers.len() / 2);
    out.extend(low.iter().zip(high).map(|(low, high)| quantum(*low) | quantum(*high) << 4));
}

/// IEEE half precision, truncated; subnormal numbers become zero.
#[expect(clippy::cast_possible_truncation, reason = "masked to 16 bits")]
fn half(number: f32) -> [u8; 2] {
    let bits = number.to_bits();
    let sign = (bits >> 16) & 0x8000;
    let exponent = (bits >> 23) & 0xff;
    let magnitude = match exponent {
        0..=112 => 0,
        113..=142 => ((exponent - 112) << 10) | ((bits >> 13) & 0x3ff),
        // Infinity or NaN.
        _ => 0x7c00 | u32::from(number.is_nan()),
    };
    ((sign | magnitude) as u16).to_le_bytes()
}

/// FNV-1a hash.
fn hash(name: &str) -> u64 {
    name.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}
