//! Numbers in a schema: bounds, steps and values within the compiler's arithmetic.
//!
//! `llguidance` computes with bounds as 64-bit floats truncated to 64-bit integers, and with steps
//! as a 32-bit numerator over a power of ten. Numbers that neither can represent are rejected with
//! their keyword, or rounded inwards where that is valid (`constraint::numbers`).

use serde_json::{Map, Number, Value};

use super::SizeError;
use crate::constraint::numbers::{FARTHEST, whole};

/// Maximum decimals of a bound.
const MOST_DECIMALS: usize = 18;

/// A step: `numerator` · 10^−`decimals`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Step {
    numerator: u32,
    decimals: u32,
}

impl Step {
    /// Step of a `multipleOf`, as the compiler reads it; `None` if it cannot.
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

    /// Whether the compiler's digit-by-digit division does not overflow.
    fn fits(self) -> bool {
        let digit = 10u64.checked_pow(self.decimals).and_then(|unit| unit.checked_mul(9));
        let most = digit.and_then(|digit| digit.checked_add(u64::from(self.numerator) * 10));
        most.is_some_and(|most| u32::try_from(most).is_ok())
    }

    /// Least common multiple of both; `None` if the compiler cannot compute it.
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

/// Checks the numbers of a schema and returns its step.
///
/// # Errors
/// [`SizeError::Invalid`] with the keyword whose number cannot be represented.
pub(super) fn measure(keys: &Map<String, Value>) -> Result<Option<Step>, SizeError> {
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
        // Such a bound excludes all numbers; beyond the other end it excludes none.
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

/// Rejects steps that cannot be combined.
pub(super) fn combine(steps: impl IntoIterator<Item = Step>) -> Result<(), SizeError> {
    let mut all: Option<Step> = None;
    for step in steps {
        all = match all.filter(|all| *all != step) {
            None => Some(step),
            Some(before) => Some(before.common(step).ok_or_else(|| {
                let reason = "invalid `multipleOf` of schemas that are merged: expected steps with \
                              a common multiple below 400000000, in units of their last digit";
                SizeError::Invalid(reason.to_owned())
            })?),
        };
    }
    Ok(())
}

/// Rejects a literal number without an exact 64-bit float, as a different number would be written.
pub(super) fn literal(keyword: &str, number: &Number) -> Result<(), SizeError> {
    let integer = number.as_i64().map(i128::from).or(number.as_u64().map(i128::from));
    let exact = match (integer, number.as_f64()) {
        (Some(exact), Some(float)) => exact == whole(float) && float.abs() <= FARTHEST,
        // Larger integers have lost digits in parsing already.
        (None, Some(float)) => float.abs() <= FARTHEST || float.fract() != 0.0,
        (_, None) => false,
    };
    let expected = "an integer that a 64-bit float holds exactly, or a string";
    if exact { Ok(()) } else { Err(wrong(keyword, number, expected)) }
}

fn wrong(keyword: &str, value: &impl std::fmt::Display, expected: &str) -> SizeError {
    SizeError::Invalid(format!("invalid `{keyword}` `{value}`: expected {expected}"))
}
