//! Planning: the plan that is being written, its faults, and the recipe that takes its place.

use harmonic_types::{Message, Role, RunState, Task, TaskIndex, TaskState};

use super::node::{Artifact, NodeWork, Step, StepState, TaskNode};
use super::{PLANNING, Run, Target};
use crate::agent::AgentProfile;
use crate::approval::ApprovalSubject;
use crate::call::{CallId, CallPurpose};
use crate::graph::{GraphErrors, GraphRules};
use crate::partial::PlanPart;
use crate::prompt;
use crate::schema::{Plan, PlanBounds, plan_schema};
use crate::spec::Approach;

/// Role of the planner.
const PLANNER: &str = "You lead the team.";
/// Repairs of a plan.
const REPAIRS: u32 = 1;
/// Tokens of the last task's answer that are reserved for it, where it does not say.
const LAST_ANSWER: u32 = 512;

impl Run {
    pub(super) fn begin_planning(&mut self) {
        let bounds = PlanBounds::of(&self.spec);
        let may_answer = self.may_answer();
        let executive = self.spec.executive.clone();
        let task = prompt::planner_task(&self.spec, &bounds, may_answer);
        let agent = self.agent(&executive);
        // The executive's own form is that of answers, not of plans.
        let planner = AgentProfile { prompt: PLANNER.to_owned(), ..agent.clone() };
        let messages = prompt::opening(&self.spec, &planner, &[], &task);
        let tokens = prompt::fixed_tokens(&self.spec, agent)
            .saturating_add(prompt::Density::of(&self.spec).tokens(task.len()));
        let most = Some(bounds.max_tokens);
        let mut step = Step::new(CallPurpose::Plan, executive, messages, tokens, most);
        step.json_schema = Some(plan_schema(&self.spec).to_string());
        self.run_steps(PLANNING, vec![step]);
    }

    fn may_answer(&self) -> bool {
        matches!(self.spec.approach, Approach::Plan { may_answer: true, .. })
    }

    /// Takes more text of the plan: each task that has closed and is valid by itself is adopted.
    pub(super) fn plan_text(&mut self, call: CallId, text: &str) {
        let awaits = self.calls.get(&call).is_some_and(|open| {
            open.task == PLANNING && open.target == Target::Step(0) && !open.is_abandoned
        });
        if !awaits || self.graph.is_complete {
            return;
        }
        let before = self.graph.written.len();
        for part in self.graph.partial.push(text) {
            let PlanPart::Task(read) = part else { continue };
            let at = self.graph.written.len();
            let is_valid = |task: &Task| {
                let rules = GraphRules::of(&self.spec);
                at < rules.most_tasks() && rules.check_task(at, task).is_ok()
            };
            match read {
                Ok(task) if !self.graph.is_broken && is_valid(&task) => {
                    self.graph.written.push(task);
                }
                _ => self.graph.is_broken = true,
            }
        }
        if self.graph.written.len() > before {
            let tasks = self.graph.written.clone();
            self.adopt(&tasks);
        }
    }

    /// Reads the plan, now that it is whole.
    pub(super) fn plan_settled(&mut self) {
        let (text, tokens) = match &self.task(PLANNING).steps[0].state {
            StepState::Done { text, tokens } => (text.clone(), *tokens),
            StepState::Failed(reason) => {
                let reason = reason.clone();
                return self.fall_back(&reason);
            }
            _ => return,
        };
        let plan = Plan::parse(&text, self.spec.limits.tasks);
        let checked = plan.and_then(|plan| match plan {
            Plan::Answer(answer) if self.may_answer() && !answer.trim().is_empty() => {
                Ok(Plan::Answer(answer))
            }
            Plan::Answer(_) => Err(GraphErrors::of_plan("the team is to work: write tasks")),
            Plan::Team(graph) => {
                GraphRules::of(&self.spec).check(&graph).map(|()| Plan::Team(graph))
            }
        });
        match checked {
            Ok(Plan::Answer(answer)) => {
                self.drop_graph_from(0);
                self.finish(PLANNING, Artifact { text: answer.clone(), tokens });
                "solo".clone_into(&mut self.graph.origin);
                self.end(RunState::Done, Some(answer));
            }
            Ok(Plan::Team(graph)) => {
                self.finish(PLANNING, Artifact { text, tokens });
                self.adopt(&graph.tasks);
                self.drop_graph_from(graph.tasks.len());
                self.complete_graph();
            }
            Err(errors) => self.repair_or_fall_back(&text, tokens, &errors),
        }
    }

    fn repair_or_fall_back(&mut self, text: &str, tokens: u32, errors: &GraphErrors) {
        let NodeWork::Plan { repairs } = self.task(PLANNING).work else { return };
        if repairs >= REPAIRS || self.is_exhausted {
            let first = errors.0.first().map_or_else(String::new, ToString::to_string);
            return self.fall_back(&format!("the plan is not valid: {first}"));
        }
        self.note(format!("the plan is not valid and is written again: {errors}"));
        self.forget_partial_plan(PLANNING);
        let repair = prompt::repair(errors);
        let density = prompt::Density::of(&self.spec);
        let task = self.task_mut(PLANNING);
        task.work = NodeWork::Plan { repairs: repairs + 1 };
        let step = &mut task.steps[0];
        let more = density.tokens(repair.len()).saturating_add(tokens);
        step.prompt_tokens = step.prompt_tokens.saturating_add(more);
        step.messages.push(Message::new(Role::Assistant, text));
        step.messages.push(Message::new(Role::User, repair));
        step.turn += 1;
        step.state = StepState::Wanted;
        step.was_repeated = false;
        step.was_lengthened = false;
    }

    /// Does the recipe instead of a plan.
    fn fall_back(&mut self, reason: &str) {
        self.resolve(PLANNING, TaskState::Failed, Some(reason.to_owned()));
        let Approach::Plan { fallback, recipe, .. } = &self.spec.approach else { return };
        let (tasks, recipe) = (fallback.tasks.clone(), recipe.clone());
        self.note(format!("the recipe {recipe} is done instead of a plan: {reason}"));
        self.graph.origin = format!("recipe:{recipe}");
        self.adopt(&tasks);
        self.drop_graph_from(tasks.len());
        self.complete_graph();
    }

    /// Makes `tasks` the beginning of the graph. Tasks that are there already are kept with what was
    /// done for them; from the first that differs on, the others are given up.
    pub(super) fn adopt(&mut self, tasks: &[Task]) {
        let is_same = |at: &usize| {
            let known = self.graph.tasks.get(*at).map(|id| &self.task(*id).source);
            known.is_some_and(|source| source.as_ref() == Some(&tasks[*at]))
        };
        let kept = (0..tasks.len()).take_while(is_same).count();
        if kept == tasks.len() {
            return;
        }
        self.drop_graph_from(kept);
        for (at, task) in tasks.iter().enumerate().skip(kept) {
            let id = self.next_task();
            let id_of = |index: TaskIndex| self.graph.tasks[index.0 as usize];
            let node = TaskNode::of_graph(id, (at + 1).to_string(), task, id_of);
            self.tasks.push(node);
            self.graph.tasks.push(id);
        }
    }

    fn drop_graph_from(&mut self, from: usize) {
        let dropped = self.graph.tasks.split_off(from.min(self.graph.tasks.len()));
        for id in dropped {
            if !self.task(id).is_resolved() {
                self.resolve(id, TaskState::Skipped, Some("its plan was given up".to_owned()));
            }
        }
    }

    /// The graph is whole and valid.
    pub(super) fn complete_graph(&mut self) {
        self.graph.is_complete = true;
        self.reserve_for_last();
        let is_plan = matches!(self.spec.approach, Approach::Plan { .. });
        if is_plan && self.spec.ask.asks_for_plan() {
            self.graph.is_asking = true;
            let graph = super::record::graph(self);
            if let Some(graph) = graph {
                self.ask(ApprovalSubject::Plan { graph });
            }
        }
    }

    /// Sets the tokens of the last task's call aside, as far as they are known.
    pub(super) fn reserve_for_last(&mut self) {
        let last = self.last_task().map(|id| self.task(id));
        // A graph of one task has nothing to save for.
        if last.is_some() && self.graph.tasks.len() == 1 {
            return self.budget.set_last_reserve(0);
        }
        let agent = last.and_then(TaskNode::agent).unwrap_or(&self.spec.executive).clone();
        let answer = last.and_then(|task| task.max_tokens).unwrap_or(LAST_ANSWER);
        let fixed = prompt::fixed_tokens(&self.spec, self.agent(&agent));
        let read = LAST_ANSWER;
        self.budget.set_last_reserve(u64::from(fixed) + u64::from(read) + u64::from(answer));
    }
}
