//! Valid ranges of single values.

use crate::gguf::Header;
use crate::gguf::error::GgufError;
use crate::gguf::geometry::Keys;
use crate::gguf::validation::embedding::is_encoder;
use crate::gguf::value::Value;

/// Valid range of a value, or of every element of a list.
enum Range {
    /// An integer, both bounds included.
    Whole(u64, u64),
    /// A finite number, both bounds included.
    Real(f64, f64),
    /// A finite number above zero, the upper bound included.
    Positive(f64),
    /// One of these texts.
    Word(&'static [&'static str]),
    /// This Boolean.
    Flag(bool),
}

use Range::{Flag, Positive, Real, Whole, Word};

/// Above the sizes of all known models, and small enough that no product of two overflows in
/// llama.cpp.
const WIDEST: u64 = 1 << 20;

const CAUSAL: &str = "attention.causal";

/// Keys without their architecture.
const RANGES: &[(&str, Range)] = &[
    ("context_length", Whole(1, i32::MAX as u64)),
    ("embedding_length", Whole(1, WIDEST)),
    ("embedding_length_out", Whole(0, WIDEST)),
    ("feed_forward_length", Whole(0, 1 << 24)),
    ("expert_feed_forward_length", Whole(0, 1 << 24)),
    ("expert_shared_feed_forward_length", Whole(0, 1 << 24)),
    ("vocab_size", Whole(1, i32::MAX as u64)),
    // `GGML_ABORT("unknown pooling type")`.
    ("pooling_type", Whole(0, 4)),
    ("attention.head_count", Whole(0, 1 << 16)),
    ("attention.head_count_kv", Whole(0, 1 << 16)),
    ("attention.key_length", Whole(1, 1 << 16)),
    ("attention.value_length", Whole(1, 1 << 16)),
    ("attention.key_length_swa", Whole(1, 1 << 16)),
    ("attention.value_length_swa", Whole(1, 1 << 16)),
    ("attention.key_length_mla", Whole(0, 1 << 16)),
    ("attention.value_length_mla", Whole(0, 1 << 16)),
    ("attention.sliding_window", Whole(0, 1 << 30)),
    // False for encoders, where llama.cpp asserts that a physical batch contains the entire prompt:
    // engines for supported ones keep to that.
    (CAUSAL, Flag(true)),
    // `GGML_ASSERT(eps >= 0.0f)` (`ops.cpp`).
    ("attention.layer_norm_rms_epsilon", Real(0.0, 1.0)),
    ("attention.layer_norm_epsilon", Real(0.0, 1.0)),
    ("attention.group_norm_epsilon", Real(0.0, 1.0)),
    ("attention.group_norm_groups", Whole(1, WIDEST)),
    ("attention.max_alibi_bias", Real(0.0, 1e6)),
    ("attention.clamp_kqv", Real(0.0, 1e6)),
    ("attention.scale", Real(0.0, 1e6)),
    // Recurrent layers follow from the remainder of a division.
    ("full_attention_interval", Whole(1, 512)),
    ("rope.dimension_count", Whole(0, 1 << 16)),
    ("rope.dimension_count_swa", Whole(0, 1 << 16)),
    ("rope.dimension_sections", Whole(0, 1 << 16)),
    ("rope.freq_base", Positive(1e15)),
    ("rope.freq_base_swa", Positive(1e15)),
    ("rope.scale_linear", Real(0.0, 1e9)),
    ("rope.scaling.factor", Real(0.0, 1e9)),
    ("rope.scaling.attn_factor", Real(0.0, 1e6)),
    ("rope.scaling.original_context_length", Whole(1, i32::MAX as u64)),
    ("rope.scaling.yarn_ext_factor", Real(0.0, 1e6)),
    ("rope.scaling.yarn_attn_factor", Real(0.0, 1e6)),
    // `GGML_ASSERT(rope_scaling_type_train != UNSPECIFIED)`.
    ("rope.scaling.type", Word(&["none", "linear", "yarn", "longrope"])),
    // `LLAMA_MAX_EXPERTS`.
    ("expert_count", Whole(0, 1024)),
    ("expert_used_count", Whole(0, 1024)),
    // `GGML_ABORT("fatal error")` in `build_moe_ffn`.
    ("expert_gating_func", Whole(0, 4)),
    ("logit_scale", Real(-1e9, 1e9)),
    ("ssm.conv_kernel", Whole(2, 1024)),
    ("ssm.inner_size", Whole(1, WIDEST)),
    ("ssm.state_size", Whole(1, 1 << 16)),
    ("ssm.time_step_rank", Whole(1, WIDEST)),
    ("ssm.group_count", Whole(0, WIDEST)),
    ("shortconv.l_cache", Whole(2, 1024)),
    ("wkv.head_size", Whole(1, 1 << 16)),
    ("token_shift_count", Whole(1, 2)),
    ("kda.head_dim", Whole(1, 1 << 16)),
    ("indexer.block_size", Whole(1, 1 << 20)),
];

/// Checks every value of the table, and that all other numbers of the model are finite.
pub(super) fn check(header: &Header, keys: &Keys<'_>) -> Result<(), GgufError> {
    for (key, range) in RANGES {
        if *key == CAUSAL && is_encoder(keys.0) {
            continue;
        }
        let key = keys.full(key);
        let Some(value) = header.metadata.get(&key) else { continue };
        for value in elements(value) {
            range.check(&key, value)?;
        }
    }
    let own = keys.full("");
    for (key, value) in header.metadata.iter().filter(|(key, _)| key.starts_with(&own)) {
        for value in elements(value) {
            if let Value::Float(number) = value
                && !number.is_finite()
            {
                return Err(GgufError::key(key, format!("is {number}, expected a finite number")));
            }
        }
    }
    Ok(())
}

fn elements(value: &Value) -> &[Value] {
    match value {
        Value::Array { elements, .. } => elements,
        single => std::slice::from_ref(single),
    }
}

impl Range {
    fn check(&self, key: &str, value: &Value) -> Result<(), GgufError> {
        let require = |holds: bool, found: String| {
            if holds {
                return Ok(());
            }
            Err(GgufError::key(key, format!("is {found}, expected {self}")))
        };
        match self {
            Whole(least, most) => {
                let number = match value {
                    Value::Unsigned(number) => Some(*number),
                    Value::Signed(number) => u64::try_from(*number).ok(),
                    // Some per-layer lists are flags.
                    Value::Bool(flag) => Some(u64::from(*flag)),
                    _ => None,
                };
                let holds = number.is_some_and(|number| (*least..=*most).contains(&number));
                require(holds, shown(value))
            }
            Real(least, most) => {
                let number = real(value);
                let holds = number.is_some_and(|number| (*least..=*most).contains(&number));
                require(holds, shown(value))
            }
            Positive(most) => {
                let holds = real(value).is_some_and(|number| number > 0.0 && number <= *most);
                require(holds, shown(value))
            }
            Word(words) => {
                let holds = matches!(value, Value::Text(text) if words.contains(&text.as_str()));
                require(holds, shown(value))
            }
            Flag(flag) => require(*value == Value::Bool(*flag), shown(value)),
        }
    }
}

impl std::fmt::Display for Range {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Whole(least, most) => write!(f, "an integer from {least} to {most}"),
            Real(least, most) => write!(f, "a number from {least} to {most}"),
            Positive(most) => write!(f, "a number above 0 up to {most}"),
            Word(words) => write!(f, "one of {}", words.join(", ")),
            Flag(flag) => write!(f, "{flag}"),
        }
    }
}

fn real(value: &Value) -> Option<f64> {
    match value {
        Value::Float(number) => Some(*number),
        _ => None,
    }
}

/// At most 64 characters of a value.
fn shown(value: &Value) -> String {
    match value {
        Value::Unsigned(number) => number.to_string(),
        Value::Signed(number) => number.to_string(),
        Value::Float(number) => number.to_string(),
        Value::Bool(flag) => flag.to_string(),
        Value::Text(text) => text.chars().take(64).flat_map(char::escape_default).collect(),
        Value::Array { length, .. } => format!("a list of {length}"),
    }
}

/// The keys of the table, for tests.
#[cfg(test)]
pub(super) fn table() -> impl Iterator<Item = &'static str> {
    RANGES.iter().map(|(key, _)| *key)
}
