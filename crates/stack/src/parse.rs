//! Parsing and validation of a stack file into a [`StackSpec`].
//!
//! Owns the validation and the inheritance by `like`. Pure: external references are passed in as
//! [`References`].

use std::collections::HashMap;
use std::io;
use std::ops::Range;

use harmonic_types::{AgentName, AgentSpec, Sampling, StackSpec, Tier, Tokens, did_you_mean};
use toml::Spanned;

use crate::document::{AgentDocument, StackDocument};
use crate::error::StackError;
use crate::position::{Position, Source};
use crate::{engines, handoff, name, sampling};

/// External references of a stack file.
#[derive(Clone, Copy)]
pub(crate) struct References<'a> {
    /// Agents available to `like`.
    pub(crate) agents: &'a [AgentSpec],
    /// Reads a `system_file`.
    pub(crate) prompt: &'a dyn Fn(&str) -> io::Result<String>,
}

/// The stack described by `source`.
pub(crate) fn stack(
    source: &Source<'_>,
    references: References<'_>,
) -> Result<StackSpec, StackError> {
    let document: StackDocument =
        toml::from_str(source.text).map_err(|e| toml_error(source, &e))?;
    let Some(stack_name) = &document.name else {
        return Err(StackError::Unnamed { origin: source.origin.to_owned() });
    };
    check_name(source, stack_name)?;
    if document.agents.is_empty() {
        return Err(StackError::Empty { origin: source.origin.to_owned() });
    }
    if let Some(surplus) = document.agents.get(StackSpec::MAX_AGENTS) {
        let at = source.position(&surplus.span());
        return Err(StackError::TooManyAgents { at, count: document.agents.len() });
    }
    let mut lines: HashMap<AgentName, usize> = HashMap::new();
    let mut agents = Vec::with_capacity(document.agents.len());
    for table in &document.agents {
        let agent = Table { source, references, written: table }.agent()?;
        let at = source.position(&table.span());
        if let Some(first) = lines.insert(agent.name.clone(), at.line) {
            return Err(StackError::Duplicate { at, name: agent.name.0, first });
        }
        agents.push(agent);
    }
    for (agent, table) in agents.iter_mut().zip(&document.agents) {
        if table.get_ref().inherits_prompt() {
            agent.system =
                handoff::retain_targets(|target| lines.contains_key(&target.into()), &agent.system);
        }
    }
    let engines = engines::of_agents(source, &document, &agents)?;
    Ok(StackSpec { name: stack_name.get_ref().clone(), agents, engines })
}

/// Position of the first `model` key with the value `model`.
pub(crate) fn model_position(source: &Source<'_>, model: &str) -> Option<Position> {
    let document: StackDocument = toml::from_str(source.text).ok()?;
    let keys = document.agents.iter().filter_map(|table| table.get_ref().model.as_ref());
    let mut named = keys.filter(|key| key.get_ref() == model);
    named.next().map(|key| source.position(&key.span()))
}

fn toml_error(source: &Source<'_>, error: &toml::de::Error) -> StackError {
    let at = source.position(&error.span().unwrap_or(0..0));
    let line = source.line(&at).to_owned();
    // The parser puts the expectation on a line of its own, and uses the names of Rust types.
    let reason = error.message().lines().collect::<Vec<_>>().join(", ");
    let reason = reason.replace("expected i64", "expected a whole number");
    let reason = reason.replace("expected f32", "expected a number");
    let reason = with_suggestion(reason);
    StackError::Toml { at, line, reason }
}

/// `reason` with the key that an unknown one resembles, of those that the parser lists.
fn with_suggestion(reason: String) -> String {
    let quoted: Vec<&str> = reason.split('`').skip(1).step_by(2).collect();
    let (Some((unknown, known)), true) =
        (quoted.split_first(), reason.starts_with("unknown field `"))
    else {
        return reason;
    };
    let meant = did_you_mean(unknown, known.iter().copied());
    let field = format!("unknown field `{unknown}`");
    reason.replacen(&field, &format!("{field}{meant}"), 1)
}

fn check_name(source: &Source<'_>, given: &Spanned<String>) -> Result<(), StackError> {
    if name::is_valid(given.get_ref()) {
        return Ok(());
    }
    Err(value_error(source, &given.span(), "name", given.get_ref().as_str(), name::RULE))
}

/// The error of a value, which is shown as TOML.
pub(crate) fn value_error(
    source: &Source<'_>,
    span: &Range<usize>,
    key: &'static str,
    value: impl Into<toml::Value>,
    expected: impl Into<String>,
) -> StackError {
    StackError::Value {
        at: source.position(span),
        key,
        value: value.into().to_string(),
        expected: expected.into(),
    }
}

/// A positive number of tokens.
pub(crate) fn tokens(given: &Spanned<i64>) -> Option<Tokens> {
    u32::try_from(*given.get_ref()).ok().filter(|tokens| *tokens > 0).map(Tokens)
}

impl AgentDocument {
    fn inherits_prompt(&self) -> bool {
        self.like.is_some() && self.system.is_none() && self.system_file.is_none()
    }
}

/// One `[[agents]]` table with its context.
struct Table<'a> {
    source: &'a Source<'a>,
    references: References<'a>,
    written: &'a Spanned<AgentDocument>,
}

impl Table<'_> {
    fn agent(&self) -> Result<AgentSpec, StackError> {
        let base = self.base()?;
        let given = self.written.get_ref();
        let context = self.context(base)?;
        let sampling_base = base.map_or_else(Sampling::default, |base| base.sampling.clone());
        Ok(AgentSpec {
            name: self.name(base)?,
            tier: self.tier(base)?,
            model: self.model(base)?,
            context,
            min_context: self.min_context(base, context)?,
            role: match (&given.role, base) {
                (Some(role), _) => role.clone(),
                (None, Some(base)) => base.role.clone(),
                (None, None) => return self.missing("role", "`role = \"writes verse\"`"),
            },
            system: self.system(base)?,
            sampling: sampling::over(&sampling_base, &given.sampling, self.source)?,
            thinking: given.thinking.or(base.map(|base| base.thinking)).unwrap_or(false),
        })
    }

    /// The built-in agent named by `like`.
    fn base(&self) -> Result<Option<&AgentSpec>, StackError> {
        let Some(like) = &self.written.get_ref().like else { return Ok(None) };
        let known = self.references.agents;
        let base = known.iter().find(|agent| agent.name.0 == *like.get_ref());
        base.map(Some).ok_or_else(|| {
            let names: Vec<&str> = known.iter().map(|agent| agent.name.0.as_str()).collect();
            let meant = did_you_mean(like.get_ref(), names.iter().copied());
            let expected = format!("one of the built-in agents {}{meant}", names.join(", "));
            value_error(self.source, &like.span(), "like", like.get_ref().as_str(), expected)
        })
    }

    fn name(&self, base: Option<&AgentSpec>) -> Result<AgentName, StackError> {
        match (&self.written.get_ref().name, base) {
            (Some(given), _) => {
                check_name(self.source, given)?;
                Ok(AgentName(given.get_ref().clone()))
            }
            (None, Some(base)) => Ok(base.name.clone()),
            (None, None) => self.missing("name", "`name = \"my_agent\"`"),
        }
    }

    fn tier(&self, base: Option<&AgentSpec>) -> Result<Tier, StackError> {
        match (&self.written.get_ref().tier, base) {
            (Some(given), _) => {
                let number = u8::try_from(*given.get_ref()).ok();
                number.and_then(|number| Tier::try_from(number).ok()).ok_or_else(|| {
                    let names = Tier::ALL.map(|tier| format!("{} ({tier})", tier.number()));
                    let expected = names.join(", ");
                    value_error(self.source, &given.span(), "tier", *given.get_ref(), expected)
                })
            }
            (None, Some(base)) => Ok(base.tier),
            (None, None) => self.missing("tier", "`tier = 3`"),
        }
    }

    fn model(&self, base: Option<&AgentSpec>) -> Result<String, StackError> {
        const EXPECTED: &str = "a model of the catalog such as \"qwen3:8b\", a model of the hub as \
             \"hf:ORG/REPO:QUANT\", or the path of a GGUF file";
        match (&self.written.get_ref().model, base) {
            (Some(given), _) if given.get_ref().trim().is_empty() => {
                let written = given.get_ref().as_str();
                Err(value_error(self.source, &given.span(), "model", written, EXPECTED))
            }
            (Some(given), _) => Ok(given.get_ref().clone()),
            (None, Some(base)) => Ok(base.model.clone()),
            (None, None) => self.missing("model", "`model = \"qwen3:8b\"`"),
        }
    }

    fn context(&self, base: Option<&AgentSpec>) -> Result<Tokens, StackError> {
        match (&self.written.get_ref().context, base) {
            (Some(given), _) => tokens(given).ok_or_else(|| {
                let expected = format!(
                    "the number of tokens of prompt and answer together, 1 to {}, for instance 8192",
                    u32::MAX
                );
                value_error(self.source, &given.span(), "context", *given.get_ref(), expected)
            }),
            (None, Some(base)) => Ok(base.context),
            (None, None) => self.missing("context", "`context = 8192`"),
        }
    }

    /// At most `context`. Inherited only together with the context that it belongs to.
    fn min_context(
        &self,
        base: Option<&AgentSpec>,
        context: Tokens,
    ) -> Result<Option<Tokens>, StackError> {
        let given = self.written.get_ref();
        let Some(least) = &given.min_context else {
            let inherited = base.filter(|_| given.context.is_none());
            return Ok(inherited.and_then(|base| base.min_context));
        };
        let in_range = tokens(least).filter(|least| *least <= context);
        in_range.map(Some).ok_or_else(|| {
            let expected = format!("a number of tokens from 1 to the context of {context}");
            value_error(self.source, &least.span(), "min_context", *least.get_ref(), expected)
        })
    }

    fn system(&self, base: Option<&AgentSpec>) -> Result<String, StackError> {
        let given = self.written.get_ref();
        match (&given.system, &given.system_file, base) {
            (Some(_), Some(file), _) => {
                Err(StackError::TwoPrompts { at: self.source.position(&file.span()) })
            }
            (Some(system), None, _) => Ok(system.clone()),
            (None, Some(file), _) => {
                let read = (self.references.prompt)(file.get_ref());
                let text = read.map_err(|source| StackError::SystemFile {
                    at: self.source.position(&file.span()),
                    file: file.get_ref().clone(),
                    source,
                })?;
                Ok(text.trim_end().to_owned())
            }
            (None, None, Some(base)) => Ok(base.system.clone()),
            (None, None, None) => {
                self.missing("system", "`system = \"You are …\"` or `system_file = \"agent.md\"`")
            }
        }
    }

    fn missing<T>(&self, key: &'static str, example: &'static str) -> Result<T, StackError> {
        Err(StackError::Missing { at: self.source.position(&self.written.span()), key, example })
    }
}

#[cfg(test)]
mod tests;
