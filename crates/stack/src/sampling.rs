//! The limits of sampling values in a stack file.
//!
//! Owns the limits; the meaning of each value is [`Sampling`]'s. The limits of temperature and of
//! the presence and frequency penalties are those of the OpenAI API, so that an agent's defaults
//! never lie where a request could not ask for them.

use harmonic_types::Sampling;
use toml::Spanned;

use crate::document::SamplingDocument;
use crate::error::StackError;
use crate::place::Source;

/// `base` with the values that `document` gives.
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

/// The values that a key may have.
#[derive(Clone, Copy)]
struct Limit {
    key: &'static str,
    allowed: fn(f32) -> bool,
    remedy: &'static str,
}

// Written as comparisons that hold, so that NaN, for which none does, is refused.
const TEMPERATURE: Limit = Limit {
    key: "sampling.temperature",
    allowed: |v| (0.0..=2.0).contains(&v),
    remedy: "use 0 (always the most likely token) to 2",
};
const TOP_P: Limit = Limit {
    key: "sampling.top_p",
    allowed: |v| v > 0.0 && v <= 1.0,
    remedy: "use more than 0 and at most 1 (all tokens)",
};
const MIN_P: Limit = Limit {
    key: "sampling.min_p",
    allowed: |v| (0.0..=1.0).contains(&v),
    remedy: "use 0 (all tokens) to 1",
};
const REPEAT: Limit = Limit {
    key: "sampling.repeat_penalty",
    allowed: |v| v > 0.0 && v <= 2.0,
    remedy: "use more than 0 and at most 2; 1 is off",
};
const PRESENCE: Limit = Limit {
    key: "sampling.presence_penalty",
    allowed: |v| (-2.0..=2.0).contains(&v),
    remedy: "use -2 to 2; 0 is off",
};
const FREQUENCY: Limit = Limit { key: "sampling.frequency_penalty", ..PRESENCE };

impl Limit {
    fn check(self, given: &Spanned<f32>, source: &Source<'_>) -> Result<f32, StackError> {
        let value = *given.get_ref();
        if (self.allowed)(value) {
            return Ok(value);
        }
        Err(StackError::Value {
            at: source.place(&given.span()),
            key: self.key,
            value: value.to_string(),
            remedy: self.remedy.to_owned(),
        })
    }
}

fn whole_top_k(given: &Spanned<i64>, source: &Source<'_>) -> Result<u32, StackError> {
    u32::try_from(*given.get_ref()).map_err(|_| StackError::Value {
        at: source.place(&given.span()),
        key: "sampling.top_k",
        value: given.get_ref().to_string(),
        remedy: "use 0 (all tokens) or the number of tokens to choose from".to_owned(),
    })
}
