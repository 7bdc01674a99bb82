//! What a flag of llama-server means for a stack file.

use crate::sampling_value::SamplingKey;

/// Meaning of a flag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Setting {
    /// Path of the model file.
    Model,
    /// Repository of the hub, with a quantisation.
    HubRepo,
    /// File in the repository.
    HubFile,
    /// URL of the model file.
    ModelUrl,
    /// Cells of the KV cache, for all slots together.
    Context,
    /// Largest context of a slot.
    SlotContext,
    /// Number of slots.
    Slots,
    /// Whether all slots share one pool of cells.
    Unified,
    /// A sampling parameter.
    Sampling(SamplingKey),
    /// Whether the model thinks: on, off or auto.
    Thinking,
    /// Tokens for thinking.
    ThinkingBudget,
    /// Arguments of the chat template as JSON.
    TemplateArguments,
    /// The system prompt.
    System,
    /// An adapter, without which the model is another one.
    Adapter,
    /// Something that a stack file does not say, with the reason.
    NotExpressed(&'static str),
}

impl Setting {
    /// The meaning of a word of the table of flags.
    pub(crate) fn named(word: &str) -> Option<Self> {
        Some(match word {
            "model" => Self::Model,
            "hub-repo" => Self::HubRepo,
            "hub-file" => Self::HubFile,
            "model-url" => Self::ModelUrl,
            "context" => Self::Context,
            "slot-context" => Self::SlotContext,
            "slots" => Self::Slots,
            "unified" => Self::Unified,
            "thinking" => Self::Thinking,
            "thinking-budget" => Self::ThinkingBudget,
            "template-arguments" => Self::TemplateArguments,
            "system" => Self::System,
            "adapter" => Self::Adapter,
            other => match SamplingKey::named(other) {
                Some(key) => Self::Sampling(key),
                None => Self::NotExpressed(reason(other)?),
            },
        })
    }
}

/// Why a stack file says nothing about a group of flags, and what to do instead.
fn reason(group: &str) -> Option<&'static str> {
    Some(match group {
        "alias" => "an agent has one name, which requests use as the model",
        "planned" => "the plan decides this for each machine: see `harmonic plan --explain`",
        "server" => "a setting of the server, not of an agent: see `harmonic up --help`",
        "request" => "a setting of requests: clients state it",
        "sampler" => "agents do not have this sampling parameter",
        "draft" => "drafts of a smaller model are not supported",
        "image" => "images, audio and video are not supported: the agent reads text",
        "template" => "the chat template of the model's file is used",
        "rope" => "the model's file decides this",
        "encoder" => "the model's file decides whether and how the agent computes embeddings",
        "rerank" => "reranking is not supported",
        "download" => "models are fetched by `harmonic models pull`",
        "shortcut" => "a shortcut for several settings: write them out",
        _ => return None,
    })
}
