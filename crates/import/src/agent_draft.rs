//! What a source says of an agent, and its completion to an agent of a stack.
//!
//! Owns: the values of what a source does not say: those that its program uses then, so that the
//! agent answers as it did there; each has a note.

use harmonic_types::{AgentName, AgentSpec, Sampling, SamplingOverrides, StackSpec, Tier, Tokens};

use crate::agent_name::AgentNames;
use crate::imported::Imported;
use crate::note::{NoteKind, Notes, Place, shown};

/// Tier of agents whose source knows no priorities.
const TIER: Tier = Tier::Specialists;

/// Context of an agent whose source leaves it to the program: Ollama's on most machines. llama-server
/// takes the model's own, which only its file states (`docs/sources.md#defaults-of-other-engines`).
const CONTEXT: Tokens = Tokens(4096);

/// The program that a source belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Program {
    Ollama,
    LlamaServer,
}

impl Program {
    const fn name(self) -> &'static str {
        match self {
            Self::Ollama => "Ollama",
            Self::LlamaServer => "llama-server",
        }
    }

    /// Sampling where neither model nor request states it
    /// (`docs/sources.md#defaults-of-other-engines`).
    fn sampling(self) -> Sampling {
        let (top_p, min_p) = match self {
            Self::Ollama => (0.9, 0.0),
            Self::LlamaServer => (0.95, 0.05),
        };
        Sampling {
            temperature: 0.8,
            top_k: 40,
            top_p,
            min_p,
            repeat_penalty: 1.0,
            presence_penalty: 0.0,
            frequency_penalty: 0.0,
        }
    }
}

/// An agent as far as its source describes it.
#[derive(Clone, Debug, Default)]
pub(crate) struct AgentDraft {
    /// Name of the model there.
    pub(crate) name: String,
    pub(crate) line: Option<usize>,
    /// Model as a stack file names it.
    pub(crate) model: String,
    pub(crate) tier: Option<Tier>,
    pub(crate) context: Option<Tokens>,
    pub(crate) min_context: Option<Tokens>,
    pub(crate) role: Option<String>,
    pub(crate) system: String,
    pub(crate) sampling: SamplingOverrides,
    pub(crate) thinking: Option<bool>,
}

/// Agents that share an assumption.
#[derive(Debug, Default)]
struct Assumptions {
    tier: Vec<String>,
    context: Vec<String>,
    sampling: Vec<String>,
    thinking: Vec<String>,
}

/// The stack of `drafts`, without those whose model cannot be named in a stack file.
pub(crate) fn complete(
    stack: &str,
    program: Program,
    drafts: Vec<AgentDraft>,
    mut notes: Notes,
) -> Imported {
    let mut names = AgentNames::default();
    let mut assumed = Assumptions::default();
    let mut agents = Vec::new();
    for draft in drafts {
        let place = Place::of(&draft.name, draft.line);
        if let Some(reason) = unusable(&draft.model) {
            notes.add(NoteKind::LeftOut, &place, &draft.name, reason);
            continue;
        }
        let name = names.give(&draft.name);
        if name != draft.name {
            let reason = format!("the agent is called {name}: {}", why_renamed(&draft.name));
            notes.add(NoteKind::Changed, &place, &draft.name, reason);
        }
        agents.push(agent(name, draft, program, &mut assumed));
    }
    assumed.note(program, &mut notes);
    let stack = (!agents.is_empty()).then(|| StackSpec::new(stack, agents));
    Imported::new(stack, notes)
}

fn why_renamed(name: &str) -> &'static str {
    if harmonic_stack::is_valid_name(name) {
        "another one has its name"
    } else {
        "a name has 1 to 64 lowercase letters, digits, `_` and `-`"
    }
}

/// Why `model` cannot be in a stack file.
fn unusable(model: &str) -> Option<&'static str> {
    if model.trim().is_empty() {
        return Some("no model is stated");
    }
    if model.chars().any(char::is_control) {
        return Some("the name of its model has control characters");
    }
    let is_hub =
        ["https://huggingface.co/", "https://hf.co/"].iter().any(|it| model.starts_with(it));
    if model.contains("://") && !is_hub {
        return Some("its model is a URL: fetch it, and name the file");
    }
    None
}

fn agent(
    name: String,
    draft: AgentDraft,
    program: Program,
    assumed: &mut Assumptions,
) -> AgentSpec {
    let assume = |list: &mut Vec<String>| list.push(name.clone());
    if draft.tier.is_none() {
        assume(&mut assumed.tier);
    }
    if draft.context.is_none() {
        assume(&mut assumed.context);
    }
    if draft.thinking.is_none() {
        assume(&mut assumed.thinking);
    }
    if !is_complete(&draft.sampling) {
        assume(&mut assumed.sampling);
    }
    let context = draft.context.unwrap_or(CONTEXT);
    AgentSpec {
        role: draft.role.unwrap_or_else(|| format!("{} of {}", shown(&draft.name), program.name())),
        name: AgentName(name),
        tier: draft.tier.unwrap_or(TIER),
        model: draft.model,
        context,
        min_context: draft.min_context.map(|least| least.min(context)),
        system: draft.system,
        sampling: draft.sampling.over(&program.sampling()),
        // Both programs let a model think that can.
        thinking: draft.thinking.unwrap_or(true),
    }
}

fn is_complete(sampling: &SamplingOverrides) -> bool {
    let SamplingOverrides {
        temperature,
        top_k,
        top_p,
        min_p,
        repeat_penalty,
        presence_penalty,
        frequency_penalty,
    } = sampling;
    let numbers = [temperature, top_p, min_p, repeat_penalty, presence_penalty, frequency_penalty];
    top_k.is_some() && numbers.into_iter().all(Option::is_some)
}

impl Assumptions {
    fn note(&self, program: Program, notes: &mut Notes) {
        let place = Place { line: None, model: None };
        let mut add = |key: &str, agents: &[String], value: String| {
            if !agents.is_empty() {
                let reason = format!("{value} for {}", agents.join(", "));
                notes.add(NoteKind::Assumed, &place, key, reason);
            }
        };
        let name = program.name();
        let tier = format!("{} ({TIER}), as {name} knows no priorities,", TIER.number());
        add("tier", &self.tier, tier);
        let context = match program {
            Program::Ollama => format!("{CONTEXT} tokens, as Ollama uses on most machines,"),
            Program::LlamaServer => {
                format!("{CONTEXT} tokens, where llama-server takes the model's own,")
            }
        };
        add("context", &self.context, context);
        add("sampling", &self.sampling, format!("the defaults of {name} where it is not stated"));
        add("thinking", &self.thinking, format!("on, if the model can, as {name} does,"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_source_does_not_say_is_what_its_program_uses_and_is_noted() {
        let draft = AgentDraft { name: "A:1".into(), model: "m".into(), ..AgentDraft::default() };
        let imported = complete("s", Program::LlamaServer, vec![draft], Notes::new("f"));
        let agent = &imported.stack.as_ref().unwrap().agents[0];
        assert_eq!((agent.name.0.as_str(), agent.tier, agent.context), ("a-1", TIER, CONTEXT));
        assert_eq!((agent.sampling.temperature, agent.sampling.min_p), (0.8, 0.05));
        let noted: Vec<_> = imported.notes.iter().map(|note| note.subject.as_str()).collect();
        assert_eq!(noted, ["A:1", "tier", "context", "sampling", "thinking"]);
    }

    #[test]
    fn a_model_that_a_stack_file_cannot_name_is_left_out() {
        let drafts = ["", "a\nb", "http://host/m.gguf"].map(|model| AgentDraft {
            name: "a".into(),
            model: model.into(),
            ..AgentDraft::default()
        });
        let imported = complete("s", Program::Ollama, drafts.into(), Notes::new("f"));
        assert_eq!(imported.stack, None);
        assert_eq!(imported.notes.len(), 3);
        assert!(imported.notes.iter().all(|note| note.kind == NoteKind::LeftOut));
    }
}
