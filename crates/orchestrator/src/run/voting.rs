//! Votes: several answers at once, a count, and a judge where no two agree.

use harmonic_types::TaskState;

use super::Run;
use super::node::{Artifact, NodeWork, Step, StepState};
use crate::budget::Pressure;
use crate::call::{CallPurpose, TaskId};
use crate::prompt;
use crate::verdict::Choice;
use crate::vote::{Count, count};

impl Run {
    pub(super) fn begin_vote(&mut self, id: TaskId) -> bool {
        let NodeWork::Vote { agent, instruction, samples, .. } = self.task(id).work.clone() else {
            return false;
        };
        let known = self.tasks.len();
        let text = prompt::sample(&instruction);
        let answer = self.task(id).max_tokens;
        let Some(opening) = self.opening(id, &agent, &text, answer) else {
            return self.tasks.len() > known;
        };
        let mut samples = samples;
        if self.budget.pressure() > Pressure::Low {
            samples = 1;
            let title = self.task(id).title.clone();
            self.fall_short(format!(
                "`{title}` had one answer instead of a vote: the budget is short"
            ));
        }
        let step = |index| {
            let purpose = CallPurpose::Sample { index };
            Step::new(purpose, agent.clone(), opening.messages.clone(), opening.tokens, answer)
        };
        let steps = (0..samples).map(step).collect();
        self.run_steps(id, steps);
        true
    }

    /// Counts the answers once all are there, or heeds the judge.
    pub(super) fn vote_settled(&mut self, id: TaskId) {
        let NodeWork::Vote { judge, instruction, .. } = self.task(id).work.clone() else { return };
        let steps = &self.task(id).steps;
        let done = |step: &Step| match &step.state {
            StepState::Done { text, tokens } => Some((text.clone(), *tokens)),
            _ => None,
        };
        let is_judge = |step: &&Step| step.purpose == CallPurpose::Judge;
        let samples = steps.iter().filter(|step| !is_judge(step));
        let (answers, tokens): (Vec<String>, Vec<u32>) = samples.filter_map(done).unzip();
        let judged = steps.iter().position(|step| is_judge(&step));
        let asked = steps.len() - usize::from(judged.is_some());
        if answers.is_empty() {
            let reason = steps.iter().find_map(|step| match &step.state {
                StepState::Failed(reason) => Some(reason.clone()),
                _ => None,
            });
            return self.resolve(id, TaskState::Failed, reason);
        }
        let title = self.task(id).title.clone();
        let chosen = match (count(&answers), judged, judge) {
            (Count::Majority(first, votes), ..) => {
                self.note(format!("`{title}`: {votes} of {asked} answers agree"));
                first
            }
            (Count::AllDiffer, Some(at), _) => {
                let text = done(&self.task(id).steps[at]).map(|(text, _)| text);
                if let Some(text) = text {
                    let Some(choice) = Choice::parse(&text, answers.len()) else {
                        return self.repeat_once(id, at, "the choice is no number of an answer");
                    };
                    self.note(format!("`{title}`: no two of {asked} answers agree; a judge chose"));
                    choice
                } else {
                    self.fall_short(format!(
                        "`{title}`: no two of {asked} answers agree, and the judge failed"
                    ));
                    0
                }
            }
            (Count::AllDiffer, None, Some(judge)) if self.budget.pressure() == Pressure::Low => {
                let text = prompt::judge(&instruction, &answers);
                let agent = self.agent(&judge);
                let marks = prompt::Density::of(&self.spec)
                    .fence()
                    .saturating_mul(u32::try_from(answers.len()).unwrap_or(u32::MAX));
                let read = tokens.iter().copied().fold(marks, u32::saturating_add);
                let prompt_tokens = prompt::fixed_tokens(&self.spec, agent)
                    .saturating_add(read)
                    .saturating_add(prompt::Density::of(&self.spec).tokens(instruction.len()));
                let messages = prompt::opening(&self.spec, agent, &[], &text);
                let mut step =
                    Step::new(CallPurpose::Judge, judge, messages, prompt_tokens, Some(32));
                step.json_schema = Some(Choice::schema(answers.len()));
                self.task_mut(id).steps.push(step);
                return;
            }
            (Count::AllDiffer, None, _) => {
                self.fall_short(format!("`{title}`: no two of {asked} answers agree"));
                0
            }
        };
        let artifact = Artifact { text: answers[chosen].clone(), tokens: tokens[chosen] };
        self.finish(id, artifact);
    }
}
