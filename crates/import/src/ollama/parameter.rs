//! Parameters of Ollama's models, of `PARAMETER` lines and of a store's params layer.

use harmonic_types::Tokens;

use crate::agent_draft::AgentDraft;
use crate::note::{NoteKind, Notes, Place, shown};
use crate::sampling_value::{self, SamplingKey};

/// Takes over the parameter `name`, or notes why not.
pub(crate) fn set_parameter(
    draft: &mut AgentDraft,
    name: &str,
    value: &str,
    place: &Place,
    notes: &mut Notes,
) {
    if name == "num_ctx" {
        if let Some(tokens) = value.trim().parse::<u32>().ok().filter(|tokens| *tokens > 0) {
            draft.context = Some(Tokens(tokens));
        } else {
            let reason = format!("invalid context `{}`: expected 1 to {}", shown(value), u32::MAX);
            notes.add(NoteKind::Invalid, place, name, reason);
        }
        return;
    }
    if let Some(key) = SamplingKey::named(name) {
        if let Err(reason) = sampling_value::set(&mut draft.sampling, key, value) {
            notes.add(NoteKind::Invalid, place, name, reason);
        }
        return;
    }
    match reason(name) {
        Some(reason) => notes.add(NoteKind::NotExpressed, place, name, reason),
        None => notes.add(NoteKind::Unknown, place, name, "Ollama has no such parameter"),
    }
}

/// Why a stack file says nothing about a parameter, and what to do instead. Besides those of today,
/// parameters that Ollama had in earlier versions.
fn reason(name: &str) -> Option<&'static str> {
    Some(match name {
        "stop" | "seed" | "num_predict" => "a setting of requests: clients state it",
        "num_batch" | "num_gpu" | "main_gpu" | "num_thread" | "use_mmap" | "use_mlock"
        | "low_vram" | "f16_kv" | "numa" | "logits_all" | "vocab_only" | "num_gqa" => {
            "the plan decides this for each machine: see `harmonic plan --explain`"
        }
        "rope_frequency_base" | "rope_frequency_scale" | "embedding_only" => {
            "the model's file decides this"
        }
        "num_keep" => "an agent keeps its system prompt and refuses what does not fit",
        "repeat_last_n" | "typical_p" | "tfs_z" | "mirostat" | "mirostat_eta" | "mirostat_tau"
        | "penalize_newline" => "agents do not have this sampling parameter",
        "draft_num_predict" => "drafts of a smaller model are not supported",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parameter_is_taken_over_or_noted() {
        let mut draft = AgentDraft::default();
        let mut notes = Notes::new("Modelfile");
        for (name, value) in [
            ("num_ctx", "8192"),
            ("temperature", "0.6"),
            ("top_k", "20"),
            ("num_ctx", "x"),
            ("top_p", "7"),
            ("stop", "<|im_end|>"),
            ("num_ctxx", "1"),
        ] {
            set_parameter(&mut draft, name, value, &Place::line(1), &mut notes);
        }
        assert_eq!(draft.context, Some(Tokens(8192)));
        assert_eq!((draft.sampling.temperature, draft.sampling.top_k), (Some(0.6), Some(20)));
        let listed: Vec<_> =
            notes.list.iter().map(|note| (note.kind, note.subject.as_str())).collect();
        assert_eq!(
            listed,
            [
                (NoteKind::Invalid, "num_ctx"),
                (NoteKind::Invalid, "top_p"),
                (NoteKind::NotExpressed, "stop"),
                (NoteKind::Unknown, "num_ctxx"),
            ]
        );
    }
}
