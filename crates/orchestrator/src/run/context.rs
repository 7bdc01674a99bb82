//! What a task reads: its inputs, each within its share of the context, shortened where it is
//! longer.

use harmonic_types::{AgentName, Message, TaskState};

use super::node::{NodeWork, Step, TaskNode};
use super::{Run, offering::LEAST_ANSWER};
use crate::budget::Pressure;
use crate::call::{CallPurpose, TaskId};
use crate::prompt::{self, Density, Shown};

/// Part of a context that is the answer's, where the task does not say.
const ANSWER_PART: u32 = 4;
/// Tokens to which an artifact is shortened, at least; shares are multiples of them, so that tasks
/// with similar shares read the same text.
const LEAST_SHARE: u32 = 64;
/// Parts in which an artifact is shortened, at most.
const MOST_PARTS: u32 = 16;

/// The first two turns of a task.
pub(super) struct Opening {
    pub(super) messages: Vec<Message>,
    pub(super) tokens: u32,
    /// Whether an artifact is not shown whole.
    pub(super) has_shortened: bool,
}

/// What is shown of an artifact.
enum Version {
    Whole,
    /// The artifact of this task is a shorter version.
    Condensed(TaskId),
    /// Its beginning, of as many tokens.
    Excerpt(u32),
    /// A shorter version is being made.
    Awaited,
}

impl Run {
    /// The opening of the task for `agent`, with room for an answer of `answer` tokens; `None` while
    /// an input is being shortened.
    pub(super) fn opening(
        &mut self,
        id: TaskId,
        agent: &AgentName,
        task_text: &str,
        answer: Option<u32>,
    ) -> Option<Opening> {
        let profile = self.agent(agent);
        let density = Density::of(&self.spec);
        let fixed = prompt::fixed_tokens(&self.spec, profile)
            .saturating_add(density.tokens(task_text.len()));
        let answer = answer.unwrap_or(profile.context / ANSWER_PART);
        let mut inputs: Vec<TaskId> = self.task(id).after.clone();
        inputs.retain(|input| self.task(*input).artifact.is_some());
        let marks = density.fence().saturating_mul(u32::try_from(inputs.len()).unwrap_or(u32::MAX));
        let mut room = profile.context.saturating_sub(fixed).saturating_sub(answer);
        if let Some(available) = self.budget.available(self.last_task() == Some(id)) {
            // Half of what is left for reading, half for writing.
            let fixed = u64::from(fixed).saturating_add(u64::from(marks));
            let bearable = available.saturating_sub(fixed) / 2;
            room = room.min(u32::try_from(bearable).unwrap_or(u32::MAX).saturating_add(marks));
        }
        let room = room.saturating_sub(marks);
        let sizes: Vec<u32> = inputs.iter().map(|input| self.artifact_tokens(*input)).collect();
        let shares = prompt::shares(&sizes, room);
        let mut versions = Vec::with_capacity(inputs.len());
        for (&input, &share) in inputs.iter().zip(&shares) {
            versions.push(self.version(input, share));
        }
        if versions.iter().any(|version| matches!(version, Version::Awaited)) {
            return None;
        }
        let mut tokens = fixed.saturating_add(marks);
        let mut excerpts: Vec<Option<String>> = Vec::new();
        for (&input, version) in inputs.iter().zip(&versions) {
            let (excerpt, shown) = match version {
                Version::Condensed(shorter) => (None, self.artifact_tokens(*shorter)),
                Version::Excerpt(share) => (
                    Some(beginning(self.artifact_text(input), self.artifact_tokens(input), *share)),
                    *share,
                ),
                Version::Whole | Version::Awaited => (None, self.artifact_tokens(input)),
            };
            excerpts.push(excerpt);
            tokens = tokens.saturating_add(shown);
        }
        let shown: Vec<Shown<'_>> = inputs
            .iter()
            .zip(&versions)
            .zip(&excerpts)
            .map(|((&input, version), excerpt)| self.shown(input, version, excerpt.as_deref()))
            .collect();
        let messages = prompt::opening(&self.spec, self.agent(agent), &shown, task_text);
        let has_shortened = versions.iter().any(|version| !matches!(version, Version::Whole));
        Some(Opening { messages, tokens, has_shortened })
    }

    fn shown<'a>(
        &'a self,
        input: TaskId,
        version: &Version,
        excerpt: Option<&'a str>,
    ) -> Shown<'a> {
        let TaskNode { label, title, .. } = self.task(input);
        let whole = self.artifact_text(input);
        let (text, note) = match (version, excerpt) {
            (Version::Condensed(shorter), _) => {
                let note = format!("shortened from {} tokens", self.artifact_tokens(input));
                (self.artifact_text(*shorter), Some(note))
            }
            (_, Some(excerpt)) => {
                let (part, all) = (excerpt.chars().count(), whole.chars().count());
                (
                    excerpt,
                    Some(format!("the first {part} of {all} characters, the rest did not fit")),
                )
            }
            _ => (whole, None),
        };
        Shown { label, title, text, note }
    }

    fn artifact_text(&self, id: TaskId) -> &str {
        self.task(id).artifact.as_ref().map_or("", |artifact| &artifact.text)
    }

    fn artifact_tokens(&self, id: TaskId) -> u32 {
        self.task(id).artifact.as_ref().map_or(0, |artifact| artifact.tokens)
    }

    /// The version of an artifact that fits `share`.
    fn version(&mut self, input: TaskId, share: u32) -> Version {
        if self.artifact_tokens(input) <= share {
            return Version::Whole;
        }
        let rounded = share / LEAST_SHARE * LEAST_SHARE;
        let attempt = self.task(input).attempt;
        let shorter = self.tasks.iter().find(|task| {
            matches!(task.work, NodeWork::Condense { of, attempt: a, share: s, .. }
                if (of, a, s) == (input, attempt, rounded))
        });
        match shorter.map(|task| (task.id, task.state)) {
            Some((shorter, TaskState::Done)) if self.artifact_tokens(shorter) <= share => {
                Version::Condensed(shorter)
            }
            Some((_, TaskState::Blocked | TaskState::Running)) => Version::Awaited,
            Some(_) => self.excerpt(input, share),
            None if rounded == 0 || self.budget.pressure() > Pressure::Low => {
                self.excerpt(input, share)
            }
            None => {
                self.add_condensation(input, rounded);
                Version::Awaited
            }
        }
    }

    fn excerpt(&mut self, input: TaskId, share: u32) -> Version {
        let title = self.task(input).title.clone();
        self.fall_short(format!("`{title}` was too long to be read whole"));
        Version::Excerpt(share)
    }

    fn add_condensation(&mut self, input: TaskId, share: u32) {
        let agent = self.spec.operator.as_ref().unwrap_or(&self.spec.executive).clone();
        let source = self.task(input);
        let (of, attempt) = (input, source.attempt);
        let label = format!("{}~{share}", source.label);
        let title = format!("Shorten `{}`", source.title);
        let work = NodeWork::Condense { agent, of, attempt, share };
        let id = self.next_task();
        self.tasks.push(TaskNode::new(id, label, title, work));
    }

    /// The steps of a condensation, one for each part that fits the agent; `None` where there would
    /// be too many.
    pub(super) fn condensation_steps(&self, id: TaskId) -> Option<Vec<Step>> {
        let NodeWork::Condense { agent, of, share, .. } = &self.task(id).work else { return None };
        let profile = self.agent(agent);
        let density = Density::of(&self.spec);
        let task = prompt::condense(*share, 0, 1);
        let fixed = prompt::fixed_tokens(&self.spec, profile)
            .saturating_add(density.tokens(task.len()))
            .saturating_add(2 * density.fence());
        let size = self.artifact_tokens(*of);
        let room = profile.context.checked_sub(fixed)?;
        // Each part is read whole, and as much is written as is its part of the share.
        let parts = (1..=MOST_PARTS)
            .find(|parts| size.div_ceil(*parts).saturating_add(share / parts) <= room)?;
        let each = share / parts;
        if each < LEAST_ANSWER {
            return None;
        }
        let texts = prompt::condense_parts(self.artifact_text(*of), parts as usize);
        let source = self.task(*of);
        let steps = texts.iter().enumerate().map(|(at, text)| {
            let note = (texts.len() > 1).then(|| format!("part {} of {}", at + 1, texts.len()));
            let shown = Shown { label: &source.label, title: &source.title, text, note };
            let task = prompt::condense(each, at, texts.len());
            let messages = prompt::opening(&self.spec, profile, &[shown], &task);
            let tokens = fixed.saturating_add(size.div_ceil(parts));
            Step::new(CallPurpose::Condense, agent.clone(), messages, tokens, Some(each))
        });
        Some(steps.collect())
    }
}

/// The first `share` tokens of a text of `tokens`, about, cut between characters.
pub(super) fn beginning(text: &str, tokens: u32, share: u32) -> String {
    let characters = text.chars().count() as u64;
    let part = characters * u64::from(share) / u64::from(tokens.max(1));
    text.chars().take(usize::try_from(part).unwrap_or(usize::MAX)).collect()
}
