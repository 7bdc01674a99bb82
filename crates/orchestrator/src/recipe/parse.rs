//! Parsing and validation of a recipe file: names, holes and references, so that filling it can
//! fail only for what it is filled with.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use harmonic_types::did_you_mean;
use serde_json::Value;
use toml::Spanned;

use super::document::{AmountDocument, DefaultDocument, RecipeDocument, TaskDocument};
use super::template::{Piece, pieces};
use super::{Recipe, RecipeError};
use crate::limits::RunLimits;

/// Bytes of a recipe file.
const BYTES: usize = 256 << 10;
/// Holes that are there beside the numbers; the first only with `each`.
const HOLES: [&str; 3] = ["part", "number", "count"];

/// The recipe in `text`.
pub(super) fn recipe(origin: &str, text: &str) -> Result<Recipe, RecipeError> {
    let parser = Parser { origin, text };
    if text.len() > BYTES {
        return Err(parser.at(0, format!("{} bytes: expected {BYTES} at most", text.len())));
    }
    let document: RecipeDocument = toml::from_str(text).map_err(|error| {
        let reason = error.message().lines().collect::<Vec<_>>().join(", ");
        parser.at(error.span().map_or(0, |span| span.start), reason)
    })?;
    Validation { parser: &parser, document: &document, ids: BTreeMap::new() }.whole()?;
    Ok(Recipe {
        name: document.name.get_ref().clone(),
        description: document.description.get_ref().trim().to_owned(),
        document,
    })
}

/// The file, for positions of errors.
struct Parser<'a> {
    origin: &'a str,
    text: &'a str,
}

impl Parser<'_> {
    fn at(&self, byte: usize, reason: impl Into<String>) -> RecipeError {
        let before = self.text.as_bytes().iter().take(byte);
        let line = 1 + before.filter(|byte| **byte == b'\n').count();
        RecipeError::At { origin: self.origin.to_owned(), line, reason: reason.into() }
    }
}

struct Validation<'a> {
    parser: &'a Parser<'a>,
    document: &'a RecipeDocument,
    /// The tasks so far, and whether each is several.
    ids: BTreeMap<&'a str, bool>,
}

impl<'a> Validation<'a> {
    fn at<T>(&self, span: Range<usize>, reason: impl Into<String>) -> Result<T, RecipeError> {
        Err(self.parser.at(span.start, reason))
    }

    fn whole(mut self) -> Result<(), RecipeError> {
        let RecipeDocument { schema, name, description, numbers, roles, tasks } = self.document;
        if schema.get_ref() != Recipe::SCHEMA {
            let reason = format!(
                "invalid schema `{schema}`: expected {}",
                Recipe::SCHEMA,
                schema = schema.get_ref()
            );
            return self.at(schema.span(), reason);
        }
        if !is_name(name.get_ref()) {
            return self.at(
                name.span(),
                format!("invalid name `{}`: expected {NAME_RULE}", name.get_ref()),
            );
        }
        if description.get_ref().trim().is_empty() || description.get_ref().contains('\n') {
            return self.at(description.span(), "invalid description: expected one line");
        }
        for (key, number) in numbers {
            self.number(key, number.span(), number.get_ref())?;
        }
        for (key, role) in roles {
            if !is_name(key) {
                return self.at(role.span(), format!("invalid role `{key}`: expected {NAME_RULE}"));
            }
            for tier in &role.get_ref().tiers {
                if !(1..=4).contains(tier.get_ref()) {
                    let reason =
                        format!("invalid tier `{}`: expected 1, 2, 3 or 4", tier.get_ref());
                    return self.at(tier.span(), reason);
                }
            }
            if let Some(other) = &role.get_ref().other_than {
                self.role("not", other)?;
                // One step, so that no role depends on itself.
                if roles[other.get_ref()].get_ref().other_than.is_some() {
                    let reason =
                        format!("`{}` has a `not` itself: name a role without", other.get_ref());
                    return self.at(other.span(), reason);
                }
            }
        }
        if tasks.is_empty() {
            return self.at(name.span(), "missing tasks: add at least one [[tasks]]");
        }
        if tasks.len() > RunLimits::MOST_TASKS as usize {
            let reason =
                format!("{} tasks: expected {} at most", tasks.len(), RunLimits::MOST_TASKS);
            return self.at(tasks[0].span(), reason);
        }
        for task in tasks {
            self.task(task.span(), task.get_ref())?;
        }
        Ok(())
    }

    fn number(
        &self,
        key: &str,
        span: Range<usize>,
        number: &super::document::NumberDocument,
    ) -> Result<(), RecipeError> {
        if !is_name(key) || HOLES.contains(&key) || key == "parts" {
            return self.at(span, format!("invalid number `{key}`: expected {NAME_RULE}, and none of parts, part, number, count"));
        }
        let (min, max) = (number.min, number.max);
        if min == 0 || min > max {
            return self.at(
                span,
                format!("invalid range {min} to {max} of `{key}`: expected 1 ≤ min ≤ max"),
            );
        }
        match number.default.as_ref().map(|default| (default.span(), default.get_ref())) {
            Some((span, DefaultDocument::Fixed(value))) if !(min..=max).contains(value) => self
                .at(span, format!("invalid default `{value}` of `{key}`: expected {min} to {max}")),
            Some((span, DefaultDocument::Named(name))) if name != "places" => self.at(
                span,
                format!("invalid default `{name}` of `{key}`: expected a number or \"places\""),
            ),
            _ => Ok(()),
        }
    }

    fn task(&mut self, span: Range<usize>, task: &'a TaskDocument) -> Result<(), RecipeError> {
        let id = task.id.get_ref();
        if !is_name(id) {
            return self.at(task.id.span(), format!("invalid id `{id}`: expected {NAME_RULE}"));
        }
        self.fields(span, task)?;
        if let Some(each) = &task.each {
            if each.get_ref() == "parts" {
                let Some(or_each) = &task.or_each else {
                    return self.at(
                        each.span(),
                        "missing `or_each`: name the number of tasks for a goal without parts",
                    );
                };
                self.counted("or_each", or_each)?;
            } else {
                self.counted("each", each)?;
            }
        }
        if let Some(or_each) = &task.or_each
            && task.each.as_ref().is_none_or(|each| each.get_ref() != "parts")
        {
            return self.at(or_each.span(), "`or_each` without `each = \"parts\"`: remove it");
        }
        self.text("title", &task.title, task)?;
        if let Some(instruction) = &task.instruction {
            self.text("instruction", instruction, task)?;
        }
        for role in [("agent", &task.agent), ("judge", &task.judge)] {
            if let (key, Some(role)) = role {
                self.role(key, role)?;
            }
        }
        for earlier in task.after.iter().chain(&task.of) {
            if !self.ids.contains_key(earlier.get_ref().as_str()) {
                let meant = did_you_mean(earlier.get_ref(), self.ids.keys().copied());
                let reason = format!(
                    "unknown earlier task `{}`{meant}: name a task above this one",
                    earlier.get_ref()
                );
                return self.at(earlier.span(), reason);
            }
        }
        if let Some(of) = &task.of
            && self.ids[of.get_ref().as_str()]
        {
            return self.at(of.span(), format!("`{}` is several tasks: check one", of.get_ref()));
        }
        for (key, amount) in
            [("samples", &task.samples), ("rounds", &task.rounds), ("max_tokens", &task.max_tokens)]
        {
            if let Some(amount) = amount
                && let AmountDocument::Hole(hole) = amount.get_ref()
            {
                self.hole(key, hole, amount.span(), key == "max_tokens")?;
            }
        }
        if let Some(arguments) = &task.arguments {
            for value in arguments.get_ref().values() {
                self.texts_within(value, arguments.span(), task)?;
            }
        }
        if self.ids.insert(id, task.each.is_some()).is_some() {
            return self.at(task.id.span(), format!("duplicate id `{id}`: give one task another"));
        }
        Ok(())
    }

    /// Which fields a task of its kind has.
    fn fields(&self, span: Range<usize>, task: &TaskDocument) -> Result<(), RecipeError> {
        let kind = task.kind.get_ref().as_str();
        let (needed, more): (&[&str], &[&str]) = match kind {
            "ask" => (&["agent", "instruction"], &["max_tokens"]),
            "vote" => (&["agent", "instruction", "samples"], &["judge", "max_tokens"]),
            "check" => (&["agent", "instruction", "of", "rounds"], &["max_tokens"]),
            "tool" => (&["tool", "arguments"], &[]),
            other => {
                let meant = did_you_mean(other, ["ask", "vote", "check", "tool"]);
                let reason =
                    format!("invalid kind `{other}`{meant}: expected ask, vote, check or tool");
                return self.at(task.kind.span(), reason);
            }
        };
        let given = [
            ("agent", task.agent.as_ref().map(Spanned::span)),
            ("instruction", task.instruction.as_ref().map(Spanned::span)),
            ("samples", task.samples.as_ref().map(Spanned::span)),
            ("judge", task.judge.as_ref().map(Spanned::span)),
            ("of", task.of.as_ref().map(Spanned::span)),
            ("rounds", task.rounds.as_ref().map(Spanned::span)),
            ("max_tokens", task.max_tokens.as_ref().map(Spanned::span)),
            ("tool", task.tool.as_ref().map(Spanned::span)),
            ("arguments", task.arguments.as_ref().map(Spanned::span)),
        ];
        for (key, at) in given {
            match at {
                None if needed.contains(&key) => {
                    return self
                        .at(span, format!("missing `{key}` of a task of the kind {kind}: add it"));
                }
                Some(at) if !needed.contains(&key) && !more.contains(&key) => {
                    return self.at(at, format!("`{key}` of a task of the kind {kind}: remove it"));
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn role(&self, key: &str, role: &Spanned<String>) -> Result<(), RecipeError> {
        let roles = || self.document.roles.keys().map(String::as_str);
        let name = role.get_ref();
        if self.document.roles.contains_key(name) {
            return Ok(());
        }
        let meant = did_you_mean(name, roles());
        let known = roles().collect::<Vec<_>>().join(", ");
        self.at(
            role.span(),
            format!("unknown role `{name}` as {key}{meant}: expected one of {known}"),
        )
    }

    fn counted(&self, key: &str, number: &Spanned<String>) -> Result<(), RecipeError> {
        self.hole(key, number.get_ref(), number.span(), false)
    }

    /// Checks that `hole` is a number, and one that always has a value unless it `may_lack` one.
    fn hole(
        &self,
        key: &str,
        hole: &str,
        span: Range<usize>,
        may_lack: bool,
    ) -> Result<(), RecipeError> {
        let numbers = || self.document.numbers.keys().map(String::as_str);
        let Some(number) = self.document.numbers.get(hole) else {
            let meant = did_you_mean(hole, numbers());
            let known = numbers().collect::<Vec<_>>().join(", ");
            let reason =
                format!("unknown number `{hole}` as {key}{meant}: expected one of [{known}]");
            return self.at(span, reason);
        };
        if number.get_ref().default.is_none() && !may_lack {
            return self.at(span, format!("the number `{hole}` as {key} has no default: add one"));
        }
        Ok(())
    }

    fn text(
        &self,
        key: &str,
        text: &Spanned<String>,
        task: &TaskDocument,
    ) -> Result<(), RecipeError> {
        if text.get_ref().trim().is_empty() {
            return self.at(text.span(), format!("empty {key}: expected a text"));
        }
        self.holes(key, text.get_ref(), text.span(), task)
    }

    fn texts_within(
        &self,
        value: &Value,
        span: Range<usize>,
        task: &TaskDocument,
    ) -> Result<(), RecipeError> {
        match value {
            Value::String(text) => self.holes("arguments", text, span, task),
            Value::Array(items) => {
                items.iter().try_for_each(|item| self.texts_within(item, span.clone(), task))
            }
            Value::Object(fields) => {
                fields.values().try_for_each(|field| self.texts_within(field, span.clone(), task))
            }
            _ => Ok(()),
        }
    }

    fn holes(
        &self,
        key: &str,
        text: &str,
        span: Range<usize>,
        task: &TaskDocument,
    ) -> Result<(), RecipeError> {
        let pieces = match pieces(text) {
            Ok(pieces) => pieces,
            Err(reason) => return self.at(span, format!("{key}: {reason}")),
        };
        let numbers = self.document.numbers.iter().filter(|(_, n)| n.get_ref().default.is_some());
        let mut known: BTreeSet<&str> = numbers.map(|(name, _)| name.as_str()).collect();
        known.insert("goal");
        // How many a task that is read was divided into, too.
        known.insert("count");
        if task.each.is_some() {
            known.extend(HOLES);
        }
        for piece in pieces {
            if let Piece::Hole(name) = piece
                && !known.contains(name)
            {
                let meant = did_you_mean(name, known.iter().copied());
                let known = known.into_iter().collect::<Vec<_>>().join(", ");
                let name: String = name.chars().take(40).collect();
                return self.at(
                    span,
                    format!("unknown hole `{{{name}}}` in {key}{meant}: expected one of {known}"),
                );
            }
        }
        Ok(())
    }
}

const NAME_RULE: &str = "1 to 40 of a-z, 0-9, _ and -";

fn is_name(name: &str) -> bool {
    let is_valid = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "_-".contains(c);
    (1..=40).contains(&name.len()) && name.chars().all(is_valid)
}
