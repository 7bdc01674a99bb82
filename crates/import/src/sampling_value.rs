//! Sampling parameters from texts of other programs.

use harmonic_stack::violated_sampling_limit;
use harmonic_types::SamplingOverrides;

use crate::note::shown;

/// A parameter of the sampling of an agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SamplingKey {
    Temperature,
    TopK,
    TopP,
    MinP,
    RepeatPenalty,
    PresencePenalty,
    FrequencyPenalty,
}

impl SamplingKey {
    const ALL: [Self; 7] = [
        Self::Temperature,
        Self::TopK,
        Self::TopP,
        Self::MinP,
        Self::RepeatPenalty,
        Self::PresencePenalty,
        Self::FrequencyPenalty,
    ];

    /// Key in a stack file, and in requests of all these programs.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Temperature => "temperature",
            Self::TopK => "top_k",
            Self::TopP => "top_p",
            Self::MinP => "min_p",
            Self::RepeatPenalty => "repeat_penalty",
            Self::PresencePenalty => "presence_penalty",
            Self::FrequencyPenalty => "frequency_penalty",
        }
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|key| key.name() == name)
    }
}

/// Sets the parameter `key` to the number in `text`.
///
/// # Errors
/// What is expected instead; the parameter is then unchanged.
pub(crate) fn set(
    sampling: &mut SamplingOverrides,
    key: SamplingKey,
    text: &str,
) -> Result<(), String> {
    match key {
        SamplingKey::TopK => sampling.top_k = Some(top_k(text)?),
        SamplingKey::Temperature => sampling.temperature = Some(limited(key, text)?),
        SamplingKey::TopP => sampling.top_p = Some(limited(key, text)?),
        SamplingKey::MinP => sampling.min_p = Some(limited(key, text)?),
        SamplingKey::RepeatPenalty => sampling.repeat_penalty = Some(limited(key, text)?),
        SamplingKey::PresencePenalty => sampling.presence_penalty = Some(limited(key, text)?),
        SamplingKey::FrequencyPenalty => sampling.frequency_penalty = Some(limited(key, text)?),
    }
    Ok(())
}

/// The number in `text`, within the limits of a stack file.
fn limited(key: SamplingKey, text: &str) -> Result<f32, String> {
    let number: f32 = text.trim().parse().map_err(|_| invalid(key, text, "a number"))?;
    match violated_sampling_limit(key.name(), number) {
        Some(expected) => Err(invalid(key, text, expected)),
        None => Ok(number),
    }
}

/// A number of tokens; 0 is all, and so is any negative number in llama.cpp.
fn top_k(text: &str) -> Result<u32, String> {
    let invalid = |expected| invalid(SamplingKey::TopK, text, expected);
    let number: i64 = text.trim().parse().map_err(|_| invalid("a whole number"))?;
    u32::try_from(number.max(0)).map_err(|_| invalid("at most 4294967295"))
}

fn invalid(key: SamplingKey, text: &str, expected: &str) -> String {
    format!("invalid {} `{}`: expected {expected}", key.name(), shown(text.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_outside_the_limits_is_named_with_what_is_expected() {
        let mut sampling = SamplingOverrides::default();
        for (key, text, expected) in [
            (SamplingKey::Temperature, "3", "invalid temperature `3`: expected 0"),
            (SamplingKey::Temperature, "NaN", "invalid temperature `NaN`: expected 0"),
            (SamplingKey::TopP, "0", "expected more than 0"),
            (SamplingKey::TopK, "1.5", "expected a whole number"),
            (SamplingKey::TopK, "99999999999", "at most"),
            (SamplingKey::MinP, "", "expected a number"),
        ] {
            let error = set(&mut sampling, key, text).unwrap_err();
            assert!(error.contains(expected), "{error}");
        }
        assert_eq!(sampling, SamplingOverrides::default());
        set(&mut sampling, SamplingKey::TopK, "-1").unwrap();
        set(&mut sampling, SamplingKey::TopP, " 0.9 ").unwrap();
        assert_eq!((sampling.top_k, sampling.top_p), (Some(0), Some(0.9)));
    }

    #[test]
    fn every_key_is_found_by_its_name() {
        for key in SamplingKey::ALL {
            assert_eq!(SamplingKey::named(key.name()), Some(key));
        }
        assert_eq!(SamplingKey::named("seed"), None);
    }
}
