//! Relations between values.

use crate::gguf::Header;
use crate::gguf::error::GgufError;
use crate::gguf::geometry::Keys;
use crate::gguf::value::Value;

/// Architectures whose graph asserts equal lengths of key and value heads.
const EQUAL_HEADS: &[&str] = &[
    "afmoe",
    "apertus",
    "arcee",
    "arctic",
    "baichuan",
    "bailingmoe2",
    "bitnet",
    "bloom",
    "chameleon",
    "chatglm",
    "codeshell",
    "cogvlm",
    "cohere2",
    "cohere2moe",
    "command-r",
    "dbrx",
    "deci",
    "deepseek",
    "dots1",
    "ernie4_5",
    "ernie4_5-moe",
    "exaone",
    "exaone-moe",
    "exaone4",
    "falcon",
    "glm4",
    "glm4moe",
    "gpt2",
    "gptneox",
    "granite",
    "granite_swa",
    "granitehybrid",
    "graniteswitch",
    "grok",
    "grovemoe",
    "hunyuan-moe",
    "hunyuan_vl",
    "hy_v3",
    "internlm2",
    "jais",
    "jais2",
    "laguna",
    "lfm2",
    "lfm2moe",
    "llama",
    "llama4",
    "maincoder",
    "maple",
    "mellum",
    "minimax-01",
    "minimax-m2",
    "minimax-m3",
    "mistral3",
    "mpt",
    "muse-glimmer",
    "nanbeige",
    "nemotron",
    "nemotron_h",
    "nemotron_h_moe",
    "olmo",
    "olmo2",
    "olmoe",
    "openelm",
    "orion",
    "paddleocr",
    "pangu-embedded",
    "phi2",
    "phi3",
    "plamo",
    "qwen",
    "qwen2",
    "qwen2moe",
    "qwen2vl",
    "qwen3",
    "qwen35",
    "qwen35moe",
    "qwen3moe",
    "qwen3next",
    "qwen3vl",
    "qwen3vlmoe",
    "qwen4exp",
    "refact",
    "seed_oss",
    "smallthinker",
    "smollm3",
    "spark2_5",
    "stablelm",
    "starcoder",
    "starcoder2",
    "talkie",
    "xverse",
];

/// Architectures whose graph asserts rotation of the entire head.
const WHOLE_HEAD_ROTATED: &[&str] = &[
    "apertus",
    "arcee",
    "arctic",
    "baichuan",
    "chameleon",
    "codeshell",
    "cogvlm",
    "cohere2moe",
    "dbrx",
    "deci",
    "deepseek",
    "dots1",
    "ernie4_5",
    "ernie4_5-moe",
    "exaone",
    "exaone-moe",
    "exaone4",
    "falcon",
    "granite",
    "granite_swa",
    "graniteswitch",
    "grok",
    "grovemoe",
    "hunyuan-moe",
    "hunyuan_vl",
    "hy_v3",
    "internlm2",
    "jais2",
    "llama",
    "llama4",
    "maincoder",
    "mellum",
    "mistral3",
    "olmo",
    "olmo2",
    "olmoe",
    "orion",
    "paddleocr",
    "pangu-embedded",
    "plamo",
    "qwen2",
    "qwen2moe",
    "qwen2vl",
    "qwen3",
    "qwen3moe",
    "qwen3vl",
    "qwen3vlmoe",
    "seed_oss",
    "smallthinker",
    "smollm3",
    "starcoder2",
    "talkie",
    "xverse",
];

/// Architectures with Mamba 2 states: heads of equal length, in groups.
const MAMBA_2: &[&str] = &["mamba2", "falcon-h1", "granitehybrid", "nemotron_h", "nemotron_h_moe"];
/// Architectures with a gated delta net.
const DELTA_NET: &[&str] = &["qwen3next", "qwen35", "qwen35moe", "qwen4exp"];
/// Architectures with an inner size of twice the width.
const TWICE_AS_WIDE: &[&str] = &["mamba", "jamba", "granitehybrid"];

pub(super) fn check(header: &Header, keys: &Keys<'_>) -> Result<(), GgufError> {
    let checker = RelationChecker { header, keys };
    let layers = checker.layers()?;
    checker.heads(layers)?;
    checker.rotation()?;
    checker.experts(layers)?;
    checker.state()
}

/// Checks of one header.
struct RelationChecker<'a> {
    header: &'a Header,
    keys: &'a Keys<'a>,
}

impl RelationChecker<'_> {
    fn is(&self, architectures: &[&str]) -> bool {
        architectures.contains(&self.keys.0)
    }

    fn number(&self, key: &str) -> Result<Option<u64>, GgufError> {
        Ok(self.keys.optional(self.header, key)?.map(u64::from))
    }

    fn wrong(&self, key: &str, reason: String) -> Result<(), GgufError> {
        Err(GgufError::key(&self.keys.full(key), reason))
    }

    fn layers(&self) -> Result<u32, GgufError> {
        const AHEAD: &str = "nextn_predict_layers";
        let layers = crate::gguf::geometry::block_count(self.header, self.keys)?;
        let ahead = self.keys.optional(self.header, AHEAD)?.unwrap_or(0);
        if ahead >= layers {
            self.wrong(AHEAD, format!("is {ahead}, expected less than the {layers} layers"))?;
        }
        Ok(layers)
    }

    /// KV heads divide the query heads (`ggml_can_mul_mat`).
    fn heads(&self, layers: u32) -> Result<(), GgufError> {
        const KV: &str = "attention.head_count_kv";
        let heads = self.keys.per_layer(self.header, "attention.head_count", layers)?;
        let Some(heads) = heads else { return Ok(()) };
        let Some(kv_heads) = self.keys.per_layer(self.header, KV, layers)? else { return Ok(()) };
        for (heads, kv_heads) in heads.into_iter().zip(kv_heads) {
            if kv_heads > 0 && (heads == 0 || heads % kv_heads > 0) {
                let reason = format!("is {kv_heads}, which does not divide {heads} query heads");
                return self.wrong(KV, reason);
            }
        }
        Ok(())
    }

    /// Lengths of a key head and a value head, as in llama.cpp; `None` without attention.
    fn head_lengths(&self) -> Result<Option<(u64, u64)>, GgufError> {
        let layers = crate::gguf::geometry::block_count(self.header, self.keys)?;
        let heads = self.keys.per_layer(self.header, "attention.head_count", layers)?;
        let first = heads.and_then(|heads| heads.first().copied()).unwrap_or(0);
        let width = self.number("embedding_length")?;
        let Some(default) = width.and_then(|width| width.checked_div(first.into())) else {
            return Ok(None);
        };
        let key = self.number("attention.key_length")?.unwrap_or(default);
        let value = self.number("attention.value_length")?.unwrap_or(default);
        Ok(Some((key, value)))
    }

    /// `GGML_ASSERT(n_dims <= ne0)` and `(n_dims % 2 == 0)` (`ops.cpp`), and assertions of graphs.
    fn rotation(&self) -> Result<(), GgufError> {
        const ROTATED: &str = "rope.dimension_count";
        const SECTIONS: &str = "rope.dimension_sections";
        let Some((key, value)) = self.head_lengths()? else { return Ok(()) };
        if key != value && self.is(EQUAL_HEADS) {
            let reason = format!("is {value}, expected the key length {key}");
            return self.wrong("attention.value_length", reason);
        }
        // `GGML_ASSERT(sections[0] > 0 || sections[1] > 0 || sections[2] > 0)` (`ops.cpp`).
        if let Some(Value::Array { elements, .. }) =
            self.header.metadata.get(&self.keys.full(SECTIONS))
            && elements
                .iter()
                .take(3)
                .all(|part| matches!(part, Value::Unsigned(0) | Value::Signed(0)))
        {
            return self.wrong(SECTIONS, "is 0 in all parts".to_owned());
        }
        let latent = self.number("attention.key_length_mla")?.unwrap_or(0) > 0;
        let rotated = self.number(ROTATED)?;
        for (stated, length) in [
            (ROTATED, key),
            ("rope.dimension_count_swa", self.number("attention.key_length_swa")?.unwrap_or(key)),
        ] {
            let Some(rotated) = self.number(stated)? else { continue };
            // With 0 elements a loop of llama.cpp never ends; one architecture rotates none.
            let none = rotated == 0 && !self.is(&["glm5-next"]);
            if none || rotated % 2 > 0 || (rotated > length && !latent) {
                let reason = format!("is {rotated}, expected an even number from 2 to {length}");
                return self.wrong(stated, reason);
            }
        }
        let swaps = self.header.metadata.contains_key(&self.keys.full("rope.dimension_count_swa"));
        if let Some(rotated) = rotated
            && rotated != value
            && !swaps
            && self.is(WHOLE_HEAD_ROTATED)
        {
            return self.wrong(ROTATED, format!("is {rotated}, expected the head length {value}"));
        }
        // The default is the entire head.
        if rotated.is_none() && key % 2 > 0 && self.is(WHOLE_HEAD_ROTATED) {
            let reason = format!("is {key}, expected an even number for rotation");
            return self.wrong("attention.key_length", reason);
        }
        Ok(())
    }

    fn experts(&self, layers: u32) -> Result<(), GgufError> {
        const USED: &str = "expert_used_count";
        const GROUPS: &str = "expert_group_count";
        const GROUPS_USED: &str = "expert_group_used_count";
        let count = self.number("expert_count")?.unwrap_or(0);
        let used = self.keys.per_layer(self.header, USED, layers)?.unwrap_or_default();
        let used: Vec<u64> = used.into_iter().map(u64::from).collect();
        if let Some(used) = used.iter().find(|used| **used > count) {
            return self.wrong(USED, format!("is {used} of {count} experts"));
        }
        if count > 0 && used.iter().all(|used| *used == 0) {
            return self.wrong(USED, format!("is 0 of {count} experts"));
        }
        let groups = self.number(GROUPS)?.unwrap_or(0);
        if groups > 0 && groups >= count {
            return self.wrong(GROUPS, format!("is {groups} for {count} experts"));
        }
        if groups > 1 {
            if count % groups > 0 {
                return self.wrong(GROUPS, format!("is {groups}, which does not divide {count}"));
            }
            let used = self.number(GROUPS_USED)?.unwrap_or(0);
            if used == 0 || used >= groups {
                return self.wrong(GROUPS_USED, format!("is {used} of {groups} groups"));
            }
        }
        if self.is(&["ernie4_5-moe"]) && self.number("interleave_moe_layer_step")? == Some(0) {
            return self.wrong("interleave_moe_layer_step", "is 0".to_owned());
        }
        Ok(())
    }

    /// Sizes of recurrent states, which llama.cpp divides by each other.
    fn state(&self) -> Result<(), GgufError> {
        const INNER: &str = "ssm.inner_size";
        const RANK: &str = "ssm.time_step_rank";
        const GROUPS: &str = "ssm.group_count";
        let width = self.number("embedding_length")?.unwrap_or(0);
        if let Some(head) = self.number("wkv.head_size")?
            && width % head > 0
        {
            return self
                .wrong("wkv.head_size", format!("is {head}, which does not divide {width}"));
        }
        let (Some(inner), Some(state)) = (self.number(INNER)?, self.number("ssm.state_size")?)
        else {
            return Ok(());
        };
        let groups = self.number(GROUPS)?.unwrap_or(0);
        let rank = self.number(RANK)?.unwrap_or(1);
        // `n_embd_s` and `n_embd_r` are 32 bits wide.
        let all = inner.saturating_mul(state).saturating_add(2 * groups.saturating_mul(state));
        if all > u64::from(u32::MAX) / 1024 {
            return self.wrong("ssm.state_size", format!("is {state}, too large with {inner}"));
        }
        if self.is(TWICE_AS_WIDE) && inner != 2 * width {
            return self.wrong(INNER, format!("is {inner}, expected twice the width {width}"));
        }
        let divides = |key: &str, part: u64, whole: u64| {
            if part == 0 || !whole.is_multiple_of(part) {
                return self.wrong(key, format!("is {part}, which does not divide {whole}"));
            }
            Ok(())
        };
        if self.is(MAMBA_2) || self.is(DELTA_NET) {
            divides(RANK, rank, inner)?;
            divides(GROUPS, groups, inner)?;
            divides(GROUPS, groups, rank)?;
        }
        if self.is(DELTA_NET) && inner != state.saturating_mul(rank) {
            let reason = format!("is {inner}, expected {rank} heads of {state}");
            return self.wrong(INNER, reason);
        }
        if self.is(&["plamo2"]) {
            divides(RANK, rank, inner)?;
            if groups > 0 {
                return self.wrong(GROUPS, format!("is {groups}, expected 0"));
            }
        }
        Ok(())
    }
}
