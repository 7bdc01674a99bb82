//! Engines of a stack file: named tables, and the keys that refer to them.
//!
//! Owns the meaning of `engine` in the stack, in `[models.NAME]` and in `[[agents]]`, of which the
//! last one that is stated counts, and of `[engines.NAME]`.
//!
//! Invariant: a table that no agent uses is an error, like any other part that would be ignored.

use std::collections::{BTreeMap, BTreeSet};

use harmonic_types::{
    AgentName, AgentSpec, EngineChoice, EngineKind, ProcessChoice, RemoteChoice, RemoteUrl,
    did_you_mean,
};
use toml::Spanned;

use crate::document::{EngineDocument, StackDocument};
use crate::error::StackError;
use crate::name;
use crate::parse::{tokens, value_error};
use crate::position::Source;

/// Engines that `document` states for its `agents`, which are in the order of its tables.
pub(crate) fn of_agents(
    source: &Source<'_>,
    document: &StackDocument,
    agents: &[AgentSpec],
) -> Result<BTreeMap<AgentName, EngineChoice>, StackError> {
    let tables = tables(source, document)?;
    let mut used = BTreeSet::new();
    for (model, table) in &document.models {
        if !agents.iter().any(|agent| agent.model == *model) {
            let reason = format!(
                "no agent of the stack has the model `{model}`: remove the table, or name one of {}",
                models(agents)
            );
            return Err(error(source, table, format!("models.{model}"), reason));
        }
    }
    let mut engines = BTreeMap::new();
    for (agent, table) in agents.iter().zip(&document.agents) {
        let of_model = || document.models.get(&agent.model)?.get_ref().engine.as_ref();
        let of_agent = table.get_ref().engine.as_ref();
        let Some(key) = of_agent.or_else(of_model).or(document.engine.as_ref()) else { continue };
        let choice = match tables.get(key.get_ref().as_str()) {
            Some(choice) => {
                used.insert(key.get_ref().as_str());
                choice.clone()
            }
            None => named(source, key, &tables)?,
        };
        engines.insert(agent.name.clone(), choice);
    }
    // Keys that another one overrides everywhere are checked, too.
    let others = document.models.values().filter_map(|table| table.get_ref().engine.as_ref());
    for key in others.chain(&document.engine) {
        if !tables.contains_key(key.get_ref().as_str()) {
            named(source, key, &tables)?;
        }
    }
    let unused = document.engines.iter().find(|(name, _)| !used.contains(name.as_str()));
    if let Some((name, table)) = unused {
        let reason = format!("no agent uses it: add `engine = \"{name}\"` to one, or remove it");
        return Err(error(source, table, format!("engines.{name}"), reason));
    }
    Ok(engines)
}

/// The engines of `[engines.NAME]`, by name.
fn tables<'d>(
    source: &Source<'_>,
    document: &'d StackDocument,
) -> Result<BTreeMap<&'d str, EngineChoice>, StackError> {
    let mut tables = BTreeMap::new();
    for (name, table) in &document.engines {
        let is_kind = EngineKind::ALL.iter().any(|kind| kind.as_str() == name);
        if is_kind || !name::is_valid(name) {
            let reason = format!("expected a name of {}, and none of a kind", name::RULE);
            return Err(error(source, table, format!("engines.{name}"), reason));
        }
        tables.insert(name.as_str(), Table { source, name, written: table }.choice()?);
    }
    Ok(tables)
}

/// The engine that `key` states without a table.
fn named(
    source: &Source<'_>,
    key: &Spanned<String>,
    tables: &BTreeMap<&str, EngineChoice>,
) -> Result<EngineChoice, StackError> {
    let given = key.get_ref();
    given.parse().map_err(|reason: String| {
        let reason = match tables.keys().copied().collect::<Vec<_>>() {
            names if names.is_empty() || given.contains('=') => reason,
            names => {
                let meant = did_you_mean(given, names.iter().copied());
                format!("{reason}, or a table of `engines`: {}{meant}", names.join(", "))
            }
        };
        error(source, key, "engine".to_owned(), reason)
    })
}

fn error<T>(source: &Source<'_>, at: &Spanned<T>, key: String, reason: String) -> StackError {
    StackError::Engine { at: source.position(&at.span()), key, reason }
}

/// Distinct models of `agents`, comma-separated.
fn models(agents: &[AgentSpec]) -> String {
    let distinct: BTreeSet<&str> = agents.iter().map(|agent| agent.model.as_str()).collect();
    distinct.into_iter().collect::<Vec<_>>().join(", ")
}

/// One `[engines.NAME]` table.
struct Table<'a> {
    source: &'a Source<'a>,
    name: &'a str,
    written: &'a Spanned<EngineDocument>,
}

impl Table<'_> {
    fn choice(&self) -> Result<EngineChoice, StackError> {
        let kind = self.kind()?;
        let EngineDocument { kind: _, executable, url, dialect, key_env, model, context } =
            self.written.get_ref();
        if kind == EngineKind::Remote {
            self.refuse("executable", executable.as_ref(), kind)?;
            return self.remote().map(EngineChoice::Remote);
        }
        let keys = [("url", url), ("dialect", dialect), ("key_env", key_env), ("model", model)];
        for (key, given) in keys {
            self.refuse(key, given.as_ref(), kind)?;
        }
        self.refuse("context", context.as_ref(), kind)?;
        let Some(program) = kind.program() else {
            self.refuse("executable", executable.as_ref(), kind)?;
            return Ok(if kind == EngineKind::Sim {
                EngineChoice::Sim
            } else {
                EngineChoice::Llama
            });
        };
        let executable = executable.as_ref().map(|given| self.text("executable", given));
        let executable = executable.transpose()?.map(Into::into);
        Ok(EngineChoice::Process(ProcessChoice { program, executable }))
    }

    fn kind(&self) -> Result<EngineKind, StackError> {
        let kinds = EngineKind::ALL.map(EngineKind::as_str);
        let Some(given) = &self.written.get_ref().kind else {
            let reason = format!("missing `kind`: add one of {}", kinds.join(", "));
            return Err(self.error(self.written, "kind", reason));
        };
        let kind = EngineKind::ALL.into_iter().find(|kind| kind.as_str() == given.get_ref());
        kind.ok_or_else(|| {
            let meant = did_you_mean(given.get_ref(), kinds);
            let expected = format!("one of {}{meant}", kinds.join(", "));
            value_error(self.source, &given.span(), "kind", given.get_ref().as_str(), expected)
        })
    }

    fn remote(&self) -> Result<RemoteChoice, StackError> {
        let EngineDocument { url, dialect, key_env, model, context, .. } = self.written.get_ref();
        let Some(given) = url else {
            let reason = "missing `url`: add the address of the server, such as \
                          `url = \"http://localhost:8000\"`";
            return Err(self.error(self.written, "url", reason.to_owned()));
        };
        let url: RemoteUrl =
            given.get_ref().parse().map_err(|reason| self.error(given, "url", reason))?;
        let mut choice = RemoteChoice::at(url);
        if let Some(given) = dialect {
            let read = given.get_ref().parse();
            choice.dialect = read.map_err(|reason| self.error(given, "dialect", reason))?;
        }
        if let Some(given) = key_env {
            let read = RemoteChoice::key_variable(given.get_ref());
            choice.key_env = Some(read.map_err(|reason| self.error(given, "key_env", reason))?);
        }
        choice.model = model.as_ref().map(|given| self.text("model", given)).transpose()?;
        if let Some(given) = context {
            choice.context = Some(tokens(given).ok_or_else(|| {
                let expected = format!("a number of tokens from 1 to {}", u32::MAX);
                value_error(self.source, &given.span(), "context", *given.get_ref(), expected)
            })?);
        }
        Ok(choice)
    }

    /// A text that is not blank.
    fn text(&self, key: &'static str, given: &Spanned<String>) -> Result<String, StackError> {
        if given.get_ref().trim().is_empty() {
            let expected = "a text that is not blank, or no such key";
            return Err(value_error(
                self.source,
                &given.span(),
                key,
                given.get_ref().as_str(),
                expected,
            ));
        }
        Ok(given.get_ref().clone())
    }

    /// Refuses a key that engines of `kind` lack.
    fn refuse<T>(
        &self,
        key: &str,
        given: Option<&Spanned<T>>,
        kind: EngineKind,
    ) -> Result<(), StackError> {
        match given {
            None => Ok(()),
            Some(given) => {
                let reason = format!("an engine of the kind {kind} has no `{key}`: remove it");
                Err(self.error(given, key, reason))
            }
        }
    }

    fn error<T>(&self, at: &Spanned<T>, key: &str, reason: String) -> StackError {
        error(self.source, at, format!("engines.{}.{key}", self.name), reason)
    }
}

#[cfg(test)]
mod tests;
