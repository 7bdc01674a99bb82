//! `--what-if`: assumptions that replace properties of the machine or the stack.
//!
//! Invariant: properties without an assumption stay as they are; a duplicate assumption is refused.

use std::fmt;
use std::str::FromStr;

use harmonic_planner::PlanOptions;
use harmonic_types::{Bytes, Hardware, KvType, Provenance, StackSpec, Tokens};

use crate::quantity;
use crate::team_request::set_context;

/// Assumptions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WhatIf {
    /// The text they were parsed from.
    text: String,
    memory: Option<Bytes>,
    context: Option<Tokens>,
    kv: Option<KvType>,
}

impl WhatIf {
    /// Context of each agent, if assumed.
    pub fn context(&self) -> Option<Tokens> {
        self.context
    }

    /// Applies the assumptions: the machine's memory, all of it free; each agent's context; the KV
    /// cache type.
    pub fn apply(&self, hardware: &mut Hardware, stack: &mut StackSpec, options: &mut PlanOptions) {
        if let Some(memory) = self.memory {
            hardware.memory_total_bytes = memory;
            hardware.memory_available_bytes = memory;
            hardware.memory_budget_bytes = harmonic_hardware::detect::budget(memory);
            for figure in ["/memory_total_bytes", "/memory_available_bytes"] {
                hardware.provenance.insert(figure.to_owned(), Provenance::Declared);
            }
        }
        if let Some(context) = self.context {
            set_context(stack, context);
        }
        if let Some(kv) = self.kv {
            options.kv_type = Some(kv);
        }
    }
}

impl fmt::Display for WhatIf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

impl FromStr for WhatIf {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut what_if = Self { text: text.to_owned(), ..Self::default() };
        for pair in text.split(',') {
            let (key, value) = pair.split_once('=').ok_or_else(|| {
                format!("invalid assumption `{pair}`: expected KEY=VALUE, such as memory=64GB")
            })?;
            let (key, value) = (key.trim(), value.trim());
            let again = match key {
                "memory" => what_if.memory.replace(memory(value)?).is_some(),
                "context" => what_if.context.replace(context(value)?).is_some(),
                "kv" => what_if.kv.replace(kv(value)?).is_some(),
                _ => {
                    return Err(format!(
                        "invalid assumption `{key}`: expected memory, context or kv"
                    ));
                }
            };
            if again {
                return Err(format!("duplicate assumption `{key}`"));
            }
        }
        Ok(what_if)
    }
}

/// Parses a size with its unit, decimal or binary.
fn memory(text: &str) -> Result<Bytes, String> {
    const UNITS: [(&str, f64); 6] = [
        ("MiB", 1_048_576.0),
        ("GiB", 1_073_741_824.0),
        ("TiB", 1_099_511_627_776.0),
        ("MB", 1e6),
        ("GB", 1e9),
        ("TB", 1e12),
    ];
    let unit = UNITS.iter().find_map(|(unit, size)| {
        let figure: f64 = text.strip_suffix(unit)?.trim_end().parse().ok()?;
        (figure.is_finite() && figure > 0.0).then(|| Bytes::from_gb(figure * size / 1e9))
    });
    unit.ok_or_else(|| {
        format!("invalid memory size `{text}`: expected a number and a unit, such as 64GB")
    })
}

fn context(text: &str) -> Result<Tokens, String> {
    let tokens = quantity::tokens(text).and_then(|tokens| u32::try_from(tokens).ok());
    tokens.filter(|tokens| *tokens > 0).map(Tokens).ok_or_else(|| {
        format!("invalid context `{text}`: expected a number of tokens, such as 8192 or 8k (8000)")
    })
}

fn kv(text: &str) -> Result<KvType, String> {
    match text {
        "f16" => Ok(KvType::F16),
        "q8_0" => Ok(KvType::Q8_0),
        _ => Err(format!("invalid KV cache type `{text}`: expected f16 or q8_0")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn assumptions_are_parsed() {
        let all: WhatIf = "memory=64GB,context=8192,kv=q8_0".parse().unwrap();
        let expected = WhatIf {
            text: "memory=64GB,context=8192,kv=q8_0".to_owned(),
            memory: Some(Bytes::from_gb(64.0)),
            context: Some(Tokens(8192)),
            kv: Some(KvType::Q8_0),
        };
        assert_eq!(all, expected);
        let memory = |text: &str| text.parse::<WhatIf>().unwrap().memory.unwrap();
        assert_eq!(memory("memory=1.5 GiB"), Bytes(1_610_612_736));
        assert_eq!(memory("memory=512MB"), Bytes(512_000_000));
    }

    #[test]
    fn an_invalid_assumption_is_named() {
        for (text, words) in [
            ("memory", "invalid assumption `memory`: expected KEY=VALUE"),
            ("memory=64", "invalid memory size `64`"),
            ("memory=-1GB", "invalid memory size `-1GB`"),
            ("memory=infGB", "invalid memory size `infGB`"),
            ("context=0", "invalid context `0`"),
            ("kv=q4_0", "invalid KV cache type `q4_0`: expected f16 or q8_0"),
            ("speed=9", "invalid assumption `speed`: expected memory, context or kv"),
            ("kv=f16,kv=q8_0", "duplicate assumption `kv`"),
        ] {
            let error = text.parse::<WhatIf>().unwrap_err();
            assert!(error.contains(words), "{error}");
        }
    }
}
