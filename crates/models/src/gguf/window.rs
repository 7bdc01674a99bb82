//! Which layers look back over a sliding window only.
//!
//! The key `attention.sliding_window` alone says nothing: llama.cpp ignores it for most
//! architectures, fixes the window of some, and alternates with full attention by a period that is
//! partly in the file and partly in the code. The table repeats `src/models/*.cpp` of the
//! llama.cpp that this project links. A layer taken for full attention costs memory in the plan; a
//! layer wrongly taken for windowed would make the plan too small, so unknown means full.

use harmonic_types::Tokens;

use crate::gguf::Header;
use crate::gguf::fault::GgufError;
use crate::gguf::geometry::Keys;

/// How an architecture uses windows.
struct Rule {
    /// Every `period`-th layer is full; 0 where only the file's pattern says which.
    period: u32,
    /// The first layer of each period is the full one, not the last.
    full_first: bool,
    /// What the window is when the file does not state it.
    default: Option<u32>,
    /// What it is whatever the file states.
    fixed: Option<u32>,
    /// Whether a file without the key has windows at all (by `default` or `fixed`).
    without_key: bool,
}

const fn every(period: u32) -> Rule {
    Rule { period, full_first: false, default: None, fixed: None, without_key: false }
}

const fn full_first(period: u32) -> Rule {
    Rule { full_first: true, ..every(period) }
}

fn rule(architecture: &str, layers: u32) -> Option<Rule> {
    Some(match architecture {
        "gemma2" => Rule { default: Some(4096), without_key: true, ..every(2) },
        "gemma3" => every(6),
        "gemma3n" => every(5),
        "gpt-oss" => every(2),
        "cohere2" | "olmo2" | "afmoe" | "mellum" | "muse-glimmer" => every(4),
        "exaone4" if layers == 64 => Rule { default: Some(4096), without_key: true, ..every(4) },
        "exaone-moe" => Rule { default: Some(128), without_key: true, ..every(4) },
        "plamo3" => every(8),
        "cohere2moe" | "laguna" => full_first(4),
        "smallthinker" => Rule { fixed: Some(4096), ..full_first(4) },
        // Chunked attention: the cache still needs one chunk per layer.
        "llama4" => Rule { fixed: Some(8192), without_key: true, ..every(4) },
        "gemma4" | "granite_swa" | "mimo2" | "step35" | "maple" | "spark2_5" | "dots3note" => {
            every(0)
        }
        _ => return None,
    })
}

/// One entry per layer: its window, or `None` for full attention. `trunk` is the number of layers
/// without the ones that only predict further tokens; those are always full.
pub(super) fn windows(
    header: &Header,
    keys: &Keys<'_>,
    architecture: &str,
    layers: u32,
    trunk: u32,
) -> Result<Vec<Option<Tokens>>, GgufError> {
    let none = vec![None; layers as usize];
    let stated = keys.optional(header, "attention.sliding_window")?;
    let pattern = keys.flags(header, "attention.sliding_window_pattern", layers)?;
    if matches!(architecture, "lfm2" | "lfm2moe") {
        let window = stated.filter(|tokens| *tokens > 0).map(Tokens);
        return Ok(vec![window; layers as usize]);
    }
    let rule = match rule(architecture, trunk) {
        Some(rule) => rule,
        // A newer architecture whose file says layer by layer what is windowed.
        None if pattern.is_some() && !matches!(architecture, "exaone4" | "phi3") => every(0),
        None => return Ok(none),
    };
    let window = match stated {
        Some(0) => None,
        Some(tokens) => rule.fixed.or(Some(tokens)),
        None if rule.without_key => rule.fixed.or(rule.default),
        None => None,
    };
    let Some(window) = window.map(Tokens) else { return Ok(none) };
    if let Some(flags) = pattern {
        return Ok(flags.into_iter().map(|flag| flag.then_some(window)).collect());
    }
    let period = match header.metadata.get(&keys.full("attention.sliding_window_pattern")) {
        Some(value) => value.as_u32(&keys.full("attention.sliding_window_pattern"))?,
        None if rule.period > 0 => rule.period,
        None => return Ok(none),
    };
    Ok((0..layers)
        .map(|layer| {
            let full = if layer >= trunk {
                true
            } else if period == 0 {
                false
            } else if rule.full_first {
                layer % period == 0
            } else {
                layer % period == period - 1
            };
            (!full).then_some(window)
        })
        .collect())
}
