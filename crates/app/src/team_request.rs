//! A team as requested on the command line: a stack, changes to it, and the rules of its plan.
//!
//! Invariant: a change that the stack cannot take is refused, never ignored.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use harmonic_models::catalog;
use harmonic_planner::PlanOptions;
use harmonic_stack::StackError;
use harmonic_types::{
    AgentName, AgentSpec, BudgetRule, EngineChoice, EngineKind, EnginePlan, Finding, Plan, Sharing,
    StackSpec, Tokens,
};

use crate::error::{AppError, Result};
use crate::models::check_known;
use crate::settings::Settings;

/// A team and the rules of its plan.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TeamRequest {
    /// A built-in stack or a stack file; `None` for [`Settings::stack`].
    pub stack: Option<String>,
    /// Whether the built-in agent `embedding` is added to the stack.
    pub embedding: bool,
    /// Context of every agent that generates text, and no less; `None` for those of the stack.
    pub context: Option<Tokens>,
    /// Slots of some agents, instead of the targets of their tiers.
    pub slots: Vec<SlotRequest>,
    /// Whether agents on one base model share its weights.
    pub sharing: Sharing,
    /// Arithmetic of the memory ledger.
    pub budget: BudgetRule,
    /// Engine of all agents that generate text; `None` for those of the stack, or llama.cpp in this
    /// process.
    pub engine: Option<EngineChoice>,
    /// Whether an agent whose prompts would leave this machine is refused.
    pub local_only: bool,
}

impl TeamRequest {
    /// Options of the planner for this team.
    pub fn options(&self) -> PlanOptions {
        let slots = self.slots.iter().map(|request| (request.agent.clone(), request.slots));
        PlanOptions {
            sharing: self.sharing,
            budget: self.budget,
            engine: self.default_engine().clone(),
            slots: slots.collect(),
            ..PlanOptions::default()
        }
    }

    /// Engine of the agents for which the stack states none.
    pub fn default_engine(&self) -> &EngineChoice {
        self.engine.as_ref().unwrap_or(&EngineChoice::Llama)
    }

    /// Models of `stack` whose files must be on this machine.
    pub fn models_needed<'s>(&self, stack: &'s StackSpec) -> Vec<&'s str> {
        stack.models_of(|agent| self.needs_model(stack, agent))
    }

    /// Whether the file of `agent`'s model must be on this machine.
    pub(crate) fn needs_model(&self, stack: &StackSpec, agent: &AgentSpec) -> bool {
        let kind = stack.engine_of(&agent.name, self.default_engine()).kind();
        kind.needs_models() || (kind != EngineKind::Sim && embeds(&agent.model))
    }

    /// Whether all agents on `model` are on a server that already runs, so that the model need not
    /// be known here.
    pub(crate) fn is_elsewhere(&self, stack: &StackSpec, model: &str) -> bool {
        let mut agents = stack.agents.iter().filter(|agent| agent.model == model);
        !embeds(model)
            && agents.all(|agent| {
                stack.engine_of(&agent.name, self.default_engine()).kind() == EngineKind::Remote
            })
    }

    /// Slots that were requested and that `plan` does not give.
    pub fn unmet_slots(&self, plan: &Plan) -> Vec<Finding> {
        let unmet = |request: &SlotRequest| {
            let agent = plan.agents.iter().find(|agent| agent.name == request.agent)?;
            if agent.engine.is_some() && agent.slots >= request.slots {
                return None;
            }
            let reason = agent.reason.as_deref().unwrap_or("the plan has no room for it");
            Some(Finding::new(
                "slots-not-given",
                format!("--slots {request} does not fit: {reason}"),
                "give other agents fewer with --slots, or use a smaller --context or stack",
            ))
        };
        self.slots.iter().filter_map(unmet).collect()
    }

    /// The stack of this team.
    ///
    /// # Errors
    /// When its name is unknown, its file is invalid, a model in it is unknown, or it lacks an agent
    /// that slots are given to.
    pub fn resolve(&self, settings: &Settings) -> Result<StackSpec> {
        let name = self.stack.as_deref().unwrap_or(&settings.stack);
        let mut stack = harmonic_stack::resolve(name)?;
        if self.embedding {
            stack = harmonic_stack::with_embedding(stack);
        }
        if self.engine.is_some() {
            stack.engines.clear();
        }
        if self.stack.is_none() && name == Settings::STACK_FILE {
            check_unnamed(&stack)?;
        }
        self.check_models(name, &stack, settings)?;
        let mut seen = BTreeMap::new();
        for request in &self.slots {
            let name = &request.agent;
            if !stack.agents.iter().any(|agent| agent.name == *name) {
                let known: Vec<_> =
                    stack.agents.iter().map(|agent| agent.name.0.as_str()).collect();
                let what = format!("the stack {} has no agent `{name}` to give slots", stack.name);
                return Err(AppError::refused(what, format!("use one of {}", known.join(", "))));
            }
            if seen.insert(name, request.slots).is_some() {
                let what = format!("duplicate slots of `{name}`");
                return Err(AppError::refused(what, "give --slots once for each agent"));
            }
        }
        if let Some(context) = self.context {
            set_context(&mut stack, context);
        }
        Ok(stack)
    }

    /// Checks that the models of `stack`, which is known as `name`, are known, unless a server
    /// elsewhere has them.
    fn check_models(&self, name: &str, stack: &StackSpec, settings: &Settings) -> Result<()> {
        for model in stack.models() {
            if self.is_elsewhere(stack, model) {
                continue;
            }
            if let Err(error) = check_known(model, settings) {
                return Err(match harmonic_stack::model_position(name, model) {
                    Some(at) => StackError::Model { at, source: Box::new(error) }.into(),
                    None => error.into(),
                });
            }
        }
        Ok(())
    }
}

/// Refuses engines of a stack file that nobody named, if they run a program that it names, read a key,
/// or send prompts off this machine: the folder may be another's.
fn check_unnamed(stack: &StackSpec) -> Result<()> {
    let reaches_out = |engine: &EngineChoice| match engine {
        EngineChoice::Llama | EngineChoice::Sim => false,
        EngineChoice::Process(process) => process.executable.is_some(),
        EngineChoice::Remote(remote) => remote.key_env.is_some() || remote.url.leaves_machine(),
    };
    let Some((agent, engine)) = stack.engines.iter().find(|(_, engine)| reaches_out(engine)) else {
        return Ok(());
    };
    let file = Settings::STACK_FILE;
    Err(AppError::refused(
        format!("{file} of this folder states the engine `{engine}` for `{agent}`"),
        format!("agree to it by naming the file: --stack {file}"),
    ))
}

/// Whether the catalog knows `model` as one that computes embeddings. Unless the stack states another
/// engine for its agent, that is planned in this process.
fn embeds(model: &str) -> bool {
    catalog::find(model).is_some_and(|entry| entry.shape.pooling.is_some())
}

/// Refuses a plan with agents whose prompts leave this machine.
///
/// # Errors
/// When there are any, with their names.
pub fn check_local(plan: &Plan) -> Result<()> {
    let leave = plan.agents.iter().filter(|agent| agent.leaves_machine);
    let names: Vec<&str> = leave.map(|agent| agent.name.0.as_str()).collect();
    if names.is_empty() {
        return Ok(());
    }
    Err(AppError::refused(
        format!(
            "--local-only refuses agents whose prompts leave this machine: {}",
            names.join(", ")
        ),
        "give them an engine on this machine, or leave out --local-only",
    ))
}

/// Gives every agent of `stack` this context, and no less.
pub(crate) fn set_context(stack: &mut StackSpec, context: Tokens) {
    for agent in &mut stack.agents {
        (agent.context, agent.min_context) = (context, Some(context));
    }
}

/// Slots requested for an agent: `coder=8`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SlotRequest {
    /// The agent.
    pub agent: AgentName,
    /// Its slots, from 1 to [`EnginePlan::MAX_SEQUENCES`].
    pub slots: u32,
}

impl fmt::Display for SlotRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.agent, self.slots)
    }
}

impl FromStr for SlotRequest {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (agent, slots) = text
            .split_once('=')
            .filter(|(agent, _)| !agent.trim().is_empty())
            .ok_or_else(|| format!("invalid slots `{text}`: expected AGENT=N, such as coder=8"))?;
        let most = EnginePlan::MAX_SEQUENCES;
        let number = slots.trim().parse().ok().filter(|slots| (1..=most).contains(slots));
        let slots = number.ok_or_else(|| {
            format!("invalid number of slots `{slots}`: expected a whole number from 1 to {most}")
        })?;
        Ok(Self { agent: AgentName(agent.trim().to_owned()), slots })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_parsed_and_an_invalid_request_is_named() {
        let coder = SlotRequest { agent: "coder".into(), slots: 8 };
        assert_eq!("coder=8".parse(), Ok(coder.clone()));
        assert_eq!(coder.to_string(), "coder=8");
        for (text, words) in [
            ("coder", "invalid slots `coder`: expected AGENT=N"),
            ("=8", "invalid slots `=8`"),
            ("coder=0", "invalid number of slots `0`: expected a whole number from 1 to 256"),
            ("coder=257", "invalid number of slots `257`"),
            ("coder=-1", "invalid number of slots `-1`"),
            ("coder=", "invalid number of slots ``"),
        ] {
            let error = text.parse::<SlotRequest>().unwrap_err();
            assert!(error.contains(words), "{error}");
        }
    }
}
