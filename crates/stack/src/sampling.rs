//! The limits of sampling values in a stack file.
//!
//! Owns the limits; [`Sampling`] documents each value. The limits of temperature and of the
//! presence and frequency penalties are those of the OpenAI API, so that a request can state every
//! default that an agent can have.

use harmonic_types::Sampling;
use toml::Spanned;

use crate::document::SamplingDocument;
use crate::error::StackError;
use crate::position::Source;

/// `base` with the values of `document` applied.
pub(crate) fn over(
    base: &Sampling,
    document: &SamplingDocument,
    source: &Source<'_>,
) -> Result<Sampling, StackError> {
    let SamplingDocument {
        temperature,
        top_k,
        top_p,
        min_p,
        repeat_penalty,
        presence_penalty,
        frequency_penalty,
    } = document;
    let value = |limit: Limit, given: &Option<Spanned<f32>>, base: f32| match given {
        Some(given) => limit.check(given, source),
        None => Ok(base),
    };
    Ok(Sampling {
        temperature: value(TEMPERATURE, temperature, base.temperature)?,
        top_k: match top_k {
            Some(given) => whole_top_k(given, source)?,
            None => base.top_k,
        },
        top_p: value(TOP_P, top_p, base.top_p)?,
        min_p: value(MIN_P, min_p, base.min_p)?,
        repeat_penalty: value(REPEAT, repeat_penalty, base.repeat_penalty)?,
        presence_penalty: value(PRESENCE, presence_penalty, base.presence_penalty)?,
        frequency_penalty: value(FREQUENCY, frequency_penalty, base.frequency_penalty)?,
    })
}

/// The valid values of a key.
#[derive(Clone, Copy)]
struct Limit {
    key: &'static str,
    allowed: fn(f32) -> bool,
    expected: &'static str,
}

// Positive comparisons, so that NaN is rejected.
const TEMPERATURE: Limit = Limit {
    key: "sampling.temperature",
    allowed: |v| (0.0..=2.0).contains(&v),
    expected: "0 (always the most likely token) to 2",
};
const TOP_P: Limit = Limit {
    key: "sampling.top_p",
    allowed: |v| v > 0.0 && v <= 1.0,
    expected: "more than 0 and at most 1 (all tokens)",
};
const MIN_P: Limit = Limit {
    key: "sampling.min_p",
    allowed: |v| (0.0..=1.0).contains(&v),
    expected: "0 (all tokens) to 1",
};
const REPEAT: Limit = Limit {
    key: "sampling.repeat_penalty",
    allowed: |v| v > 0.0 && v <= 2.0,
    expected: "more than 0 and at most 2; 1 is off",
};
const PRESENCE: Limit = Limit {
    key: "sampling.presence_penalty",
    allowed: |v| (-2.0..=2.0).contains(&v),
    expected: "-2 to 2; 0 is off",
};
const FREQUENCY: Limit = Limit { key: "sampling.frequency_penalty", ..PRESENCE };

impl Limit {
    fn check(self, given: &Spanned<f32>, source: &Source<'_>) -> Result<f32, StackError> {
        let value = *given.get_ref();
        if (self.allowed)(value) {
            return Ok(value);
        }
        Err(StackError::Value {
            at: source.position(&given.span()),
            key: self.key,
            value: value.to_string(),
            expected: self.expected.to_owned(),
        })
    }
}

/// The valid values of the sampling parameter `key`, such as `top_p`, where `value` is not one of
/// them; `None` where it is, and for `top_k`, whose every value is valid.
pub fn violated(key: &str, value: f32) -> Option<&'static str> {
    let limits = [TEMPERATURE, TOP_P, MIN_P, REPEAT, PRESENCE, FREQUENCY];
    let limit =
        limits.into_iter().find(|limit| limit.key.strip_prefix("sampling.") == Some(key))?;
    (!(limit.allowed)(value)).then_some(limit.expected)
}

fn whole_top_k(given: &Spanned<i64>, source: &Source<'_>) -> Result<u32, StackError> {
    u32::try_from(*given.get_ref()).map_err(|_| StackError::Value {
        at: source.position(&given.span()),
        key: "sampling.top_k",
        value: given.get_ref().to_string(),
        expected: "0 (all tokens) or the number of most likely tokens to consider".to_owned(),
    })
}
