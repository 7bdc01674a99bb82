//! Probability mass: e^x and its sum over a row, used as weights by filters and draw.
//!
//! The sum runs over the whole vocabulary, for which the standard library's scalar `exp` is slow.
//! [`exp`] is written so that the compiler vectorises it; it is used for single tokens too, so that
//! the terms of parts and totals are bit-identical.

use super::row::Row;

/// e^`x` for `x` ≤ 0, within a relative error of 2⁻²² (tested); 0 below −87, where an f32 becomes
/// subnormal, and for NaN.
///
/// x = n ln 2 + r with |r| ≤ ln 2 / 2 (Cody and Waite 1980, ln 2 in two parts so that r is exact),
/// e^r from its Taylor series, 2ⁿ from the exponent bits.
#[inline]
pub(super) fn exp(x: f32) -> f32 {
    /// 1.5 × 2²³: adding it rounds to an integer.
    const ROUND: f32 = 12_582_912.0;
    const LN2_HIGH: f32 = 0.693_359_4;
    const LN2_LOW: f32 = -2.121_944_4e-4;
    const FACTORIALS: [f32; 8] = [5040.0, 720.0, 120.0, 24.0, 6.0, 2.0, 1.0, 1.0];
    let shifted = x * std::f32::consts::LOG2_E + ROUND;
    let n = shifted - ROUND;
    let r = x - n * LN2_HIGH - n * LN2_LOW;
    let series = FACTORIALS.iter().fold(0.0f32, |sum, factorial| sum * r + factorial.recip());
    // The low bits of `shifted` are n; used as a biased exponent they give 2ⁿ.
    let exponent = shifted.to_bits().wrapping_sub(ROUND.to_bits()).wrapping_add(127) << 23;
    let power = series * f32::from_bits(exponent);
    if x >= -87.0 { power } else { 0.0 }
}

/// Σ e^((x − `top`) × `scale`) over the logits of `row`; NaN counts as 0.
pub(super) fn mass(row: &Row<'_>, top: f32, scale: f32) -> f64 {
    const LANES: usize = 16;
    // f64, as a sum of 10^5 small terms loses precision in f32.
    let mut lanes = [0.0f64; LANES];
    let mut rest = 0.0;
    row.for_each_block(|block| {
        let (chunks, tail) = block.as_chunks::<LANES>();
        for chunk in chunks {
            for (lane, logit) in lanes.iter_mut().zip(chunk) {
                *lane += f64::from(exp((logit - top) * scale));
            }
        }
        rest += tail.iter().map(|logit| f64::from(exp((logit - top) * scale))).sum::<f64>();
    });
    lanes.iter().sum::<f64>() + rest
}
