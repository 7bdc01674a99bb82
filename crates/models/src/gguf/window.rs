//! Layers with sliding-window attention.
//!
//! The key `attention.sliding_window` is not sufficient: llama.cpp ignores it for most
//! architectures, fixes the window of some, and alternates with full attention by a period that is
//! partly in the file and partly in the code. The table follows `src/models/*.cpp` of the llama.cpp
//! that this project links. A layer mistaken for full attention costs memory in the plan; a layer
//! mistaken for a windowed one would make the plan too small, so the default is full.

use harmonic_types::Tokens;

use crate::gguf::Header;
use crate::gguf::error::GgufError;
use crate::gguf::geometry::Keys;

/// Use of windows by an architecture.
struct WindowRule {
    /// Every `period`-th layer is full; 0 if only the pattern of the file applies.
    period: u32,
    /// Whether the first layer of each period is the full one instead of the last.
    full_first: bool,
    /// Window if the file does not state it.
    default: Option<u32>,
    /// Window regardless of the file.
    fixed: Option<u32>,
    /// Whether a file without the key has windows (by `default` or `fixed`).
    without_key: bool,
}

const fn every(period: u32) -> WindowRule {
    WindowRule { period, full_first: false, default: None, fixed: None, without_key: false }
}

const fn full_first(period: u32) -> WindowRule {
    WindowRule { full_first: true, ..every(period) }
}

fn rule(architecture: &str, layers: u32) -> Option<WindowRule> {
    Some(match architecture {
        "gemma2" => WindowRule { default: Some(4096), without_key: true, ..every(2) },
        "gemma3" => every(6),
        "gemma3n" => every(5),
        "gpt-oss" => every(2),
        "cohere2" | "olmo2" | "afmoe" | "mellum" | "muse-glimmer" => every(4),
        "exaone4" if layers == 64 => {
            WindowRule { default: Some(4096), without_key: true, ..every(4) }
        }
        "exaone-moe" => WindowRule { default: Some(128), without_key: true, ..every(4) },
        "plamo3" => every(8),
        "cohere2moe" | "laguna" => full_first(4),
        "smallthinker" => WindowRule { fixed: Some(4096), ..full_first(4) },
        // Chunked attention: the cache needs one chunk per layer.
        "llama4" => WindowRule { fixed: Some(8192), without_key: true, ..every(4) },
        "gemma4" | "granite_swa" | "mimo2" | "step35" | "maple" | "spark2_5" | "dots3note" => {
            every(0)
        }
        _ => return None,
    })
}

/// Window of each layer, `None` for full attention. `trunk` is the number of layers without the
/// multi-token prediction layers, which are always full.
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
        // A newer architecture whose file states the pattern.
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
