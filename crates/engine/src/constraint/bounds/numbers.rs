//! Numbers in a schema: bounds, steps and values that the compiler's arithmetic holds.
//!
//! `llguidance` computes with bounds as 64-bit floats cut to 64-bit integers, and with steps as a
//! 32-bit numerator over a power of ten. What either cannot hold is refused here by its keyword, or
//! cut to what it can where that leaves a part of the same numbers (`constraint::numbers`).

use serde_json::{Map, Number, Value};

use super::Excess;
use crate::constraint::numbers::{FARTHEST, whole};

/// Most digits behind the point of a bound.
const MOST_DECIMALS: usize = 18;

/// A step: `numerator` · 10^−`decimals`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Step {
    numerator: u32,
    decimals: u32,
}

impl Step {
    /// Of a `multipleOf`, as the compiler reads it; `None` where it cannot.
    fn of(value: f64) -> Option<Self> {
        if !(value > 0.0 && value.is_finite()) {
            return None;
        }
        let (mut numerator, mut decimals) = (value, 0);
        while numerator.fract() != 0.0 {
            numerator *= 10.0;
            decimals += 1;
        }
        if numerator > f64::from(u32::MAX) {
            return None;
        }
        let numerator = u64::try_from(whole(numerator)).ok()?;
        Self::reduced(numerator, decimals).filter(|step| step.fits())
    }

    fn reduced(mut numerator: u64, mut decimals: u32) -> Option<Self> {
        while decimals > 0 && numerator.is_multiple_of(10) {
            numerator /= 10;
            decimals -= 1;
        }
        Some(Self { numerator: u32::try_from(numerator).ok()?, decimals })
    }

    /// Whether the compiler can divide by it digit by digit.
    fn fits(self) -> bool {
        let digit = 10u64.checked_pow(self.decimals).and_then(|unit| unit.checked_mul(9));
        let most = digit.and_then(|digit| digit.checked_add(u64::from(self.numerator) * 10));
        most.is_some_and(|most| u32::try_from(most).is_ok())
    }

    /// The least step of which both are; `None` where the compiler cannot find or hold it.
    fn common(self, other: Self) -> Option<Self> {
        let scaled = |step: Self, other: Self| {
            let unit = 10u64.checked_pow(other.decimals.saturating_sub(step.decimals))?;
            u64::from(step.numerator).checked_mul(unit).filter(|scaled| *scaled <= MOST_SCALED)
        };
        let (a, b) = (scaled(self, other)?, scaled(other, self)?);
        // The compiler multiplies first.
        let product = a.checked_mul(b).filter(|product| *product <= MOST_SCALED)?;
        let common = Self::reduced(product / divisor(a, b), self.decimals.max(other.decimals))?;
        common.fits().then_some(common)
    }
}

const MOST_SCALED: u64 = u32::MAX as u64;

fn divisor(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { divisor(b, a % b) }
}

/// The step that a schema asks for, whose numbers have been found to be such as can be held.
///
/// # Errors
/// The keyword whose number cannot be held.
pub(super) fn measure(keys: &Map<String, Value>) -> Result<Option<Step>, Excess> {
    let number = |name: &str| match keys.get(name) {
        None => Ok(None),
        Some(Value::Number(number)) => Ok(Some(number)),
        Some(other) => Err(wrong(name, other, "a number")),
    };
    for (name, end) in
        [("minimum", 1.0), ("exclusiveMinimum", 1.0), ("maximum", -1.0), ("exclusiveMaximum", -1.0)]
    {
        let Some(number) = number(name)? else { continue };
        let bound = number.as_f64().unwrap_or(f64::NAN);
        // Beyond the end that leaves no number; beyond the other all are left.
        if bound.is_nan() || bound * end > FARTHEST {
            return Err(wrong(name, number, "a bound between -2^63 and 2^63"));
        }
        let decimals = bound.to_string();
        let decimals = decimals.split_once('.').map_or(0, |(_, decimals)| decimals.len());
        if decimals > MOST_DECIMALS {
            return Err(wrong(name, number, "a bound with at most 18 digits behind the point"));
        }
    }
    let Some(step) = number("multipleOf")? else { return Ok(None) };
    let known = step.as_f64().and_then(Step::of);
    let expected =
        "a step between 0.00000001 and 400000000, a decimal fraction of at most 8 digits";
    known.map(Some).ok_or_else(|| wrong("multipleOf", step, expected))
}

/// Refuses steps that no number can be held to at once.
pub(super) fn combine(steps: impl IntoIterator<Item = Step>) -> Result<(), Excess> {
    let mut all: Option<Step> = None;
    for step in steps {
        all = match all.filter(|all| *all != step) {
            None => Some(step),
            Some(before) => Some(before.common(step).ok_or_else(|| {
                let reason = "invalid `multipleOf` of schemas that are merged: expected steps with \
                              a common multiple below 400000000, in units of their last digit";
                Excess::Wrong(reason.to_owned())
            })?),
        };
    }
    Ok(())
}

/// Refuses a number that is to be written literally and that a 64-bit float does not hold: another
/// would be written instead.
pub(super) fn literal(keyword: &str, number: &Number) -> Result<(), Excess> {
    let integer = number.as_i64().map(i128::from).or(number.as_u64().map(i128::from));
    let exact = match (integer, number.as_f64()) {
        (Some(exact), Some(float)) => exact == whole(float) && float.abs() <= FARTHEST,
        // Digits beyond those of an integer are lost already.
        (None, Some(float)) => float.abs() <= FARTHEST || float.fract() != 0.0,
        (_, None) => false,
    };
    let expected = "an integer that a 64-bit float holds exactly, or a string";
    if exact { Ok(()) } else { Err(wrong(keyword, number, expected)) }
}

fn wrong(keyword: &str, value: &impl std::fmt::Display, expected: &str) -> Excess {
    Excess::Wrong(format!("invalid `{keyword}` `{value}`: expected {expected}"))
}
