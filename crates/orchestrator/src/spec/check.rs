//! The check of a specification, before anything is done for it.

use std::collections::BTreeSet;
use std::fmt::Display;

use harmonic_types::{AgentName, RunBudget, TaskGraph, did_you_mean};

use super::{Approach, CountedText, RunSpec, SpecError};
use crate::budget::smaller;
use crate::graph::GraphRules;
use crate::limits::RunLimits;
use crate::lineage::LEAST_JOULES;

/// Agents of a run, at most.
const AGENTS: usize = 256;
/// Tools of a run, at most.
const TOOLS: usize = 1_024;
/// Time of any limit, at most: a year, in milliseconds.
const LONGEST_MS: u64 = 365 * 24 * 3_600_000;

fn field(field: &'static str, value: &dyn Display, expected: impl Into<String>) -> SpecError {
    let value = format!("{value}").chars().take(60).collect();
    SpecError::Field { field, value, expected: expected.into() }
}

impl RunSpec {
    /// Bounds that hold: its own, and what the run above has left.
    pub fn bounds(&self) -> RunBudget {
        smaller(self.budget, self.lineage.budget_left)
    }

    /// Checks the specification.
    ///
    /// # Errors
    /// The first invalid field.
    pub fn check(&self) -> Result<(), SpecError> {
        self.check_texts()?;
        self.check_agents()?;
        self.check_tools()?;
        self.lineage.admits(&self.id, &self.goal.text)?;
        self.check_bounds()?;
        self.check_limits()?;
        let rules = GraphRules::of(self);
        let graph = |what: &str, graph: &TaskGraph, rules: GraphRules<'_>| {
            let errors = |errors| SpecError::Graph { what: what.to_owned(), errors };
            rules.check(graph).map_err(errors)
        };
        match &self.approach {
            // What a person wrote is bounded by what a graph may have, not by what a plan may.
            Approach::Graph { graph: given, .. } => {
                graph("graph", given, GraphRules { tasks: RunLimits::MOST_TASKS, ..rules })
            }
            Approach::Plan { fallback, recipe, .. } => {
                let what = format!("recipe {recipe}");
                graph(&what, fallback, GraphRules { tasks: RunLimits::MOST_TASKS, ..rules })
            }
        }
    }

    fn check_texts(&self) -> Result<(), SpecError> {
        if self.goal.text.trim().is_empty() {
            return Err(field("goal", &"", "a text"));
        }
        let texts = [("goal", Some(&self.goal)), ("brief", self.brief.as_ref())];
        for (name, text) in texts {
            if let Some(CountedText { text, .. }) = text
                && text.len() > RunLimits::GOAL
            {
                let expected = format!("{} bytes at most", RunLimits::GOAL);
                return Err(field(name, &format!("{} bytes", text.len()), expected));
            }
        }
        Ok(())
    }

    fn check_agents(&self) -> Result<(), SpecError> {
        if !(1..=AGENTS).contains(&self.agents.len()) {
            return Err(field("agents", &self.agents.len(), format!("1 to {AGENTS} agents")));
        }
        let mut names = BTreeSet::new();
        for agent in &self.agents {
            if !names.insert(&agent.name) {
                return Err(field("agents", &agent.name, "each name once"));
            }
            if agent.context == 0 {
                return Err(field("context", &0, format!("the context of {}", agent.name)));
            }
            let known = || self.tools.iter().map(|tool| tool.name.as_str());
            if let Some(tool) = agent.tools.iter().find(|tool| !known().any(|name| name == *tool)) {
                let meant = did_you_mean(tool, known());
                return Err(field(
                    "tools",
                    tool,
                    format!("tools of the run for {}{meant}", agent.name),
                ));
            }
        }
        self.check_agent("executive", &self.executive)?;
        self.operator.as_ref().map_or(Ok(()), |operator| self.check_agent("operator", operator))
    }

    fn check_agent(&self, field: &'static str, agent: &AgentName) -> Result<(), SpecError> {
        let known: Vec<&str> = self.agents.iter().map(|agent| agent.name.0.as_str()).collect();
        if known.contains(&agent.0.as_str()) {
            return Ok(());
        }
        let meant = did_you_mean(&agent.0, known.iter().copied());
        Err(SpecError::UnknownAgent { field, agent: agent.clone(), meant, known: known.join(", ") })
    }

    fn check_tools(&self) -> Result<(), SpecError> {
        if self.tools.len() > TOOLS {
            return Err(field("tools", &self.tools.len(), format!("{TOOLS} tools at most")));
        }
        let mut names = BTreeSet::new();
        for tool in &self.tools {
            let is_ours = tool.name.starts_with("artifact.") || tool.name.starts_with("team.");
            if is_ours || tool.name.is_empty() {
                let expected = "a name that does not begin with `artifact.` or `team.`";
                return Err(field("tools", &tool.name, expected));
            }
            if !names.insert(&tool.name) {
                return Err(field("tools", &tool.name, "each name once"));
            }
        }
        Ok(())
    }

    fn check_bounds(&self) -> Result<(), SpecError> {
        let RunBudget { tokens, time_ms, joules } = self.bounds();
        let zero = |name, bound| match bound {
            Some(0) => Err(field(name, &0, "more than 0; leave it out for no bound")),
            _ => Ok(()),
        };
        zero("budget.tokens", tokens)?;
        zero("budget.time", time_ms)?;
        match joules {
            Some(bound) if !(bound.0.is_finite() && bound.0 >= LEAST_JOULES) => {
                Err(field("budget.joules", &bound.0, "0.001 J or more; leave it out for no bound"))
            }
            Some(bound) if !self.has_meter => Err(field(
                "budget.joules",
                &bound.0,
                "no bound, since this machine has no energy meter",
            )),
            _ => Ok(()),
        }
    }

    fn check_limits(&self) -> Result<(), SpecError> {
        let limits = &self.limits;
        let counts = [
            ("places", self.places, u32::MAX),
            ("limits.tasks", limits.tasks, RunLimits::MOST_TASKS),
            ("limits.retries", limits.retries, 1_000),
            ("limits.tool_turns", limits.tool_turns, 1_000),
            ("limits.tool_calls", limits.tool_calls, 1_000),
        ];
        let sizes = [
            ("limits.approval_ms", limits.approval_ms, LONGEST_MS),
            ("limits.idle_ms", limits.idle_ms, LONGEST_MS),
            ("limits.tool_ms", limits.tool_ms, LONGEST_MS),
            ("limits.tool_bytes", limits.tool_bytes, 16 << 20),
        ];
        let counts = counts.map(|(name, value, most)| (name, u64::from(value), u64::from(most)));
        for (name, value, most) in counts.into_iter().chain(sizes) {
            if !(1..=most).contains(&value) {
                return Err(field(name, &value, format!("1 to {most}")));
            }
        }
        Ok(())
    }
}
