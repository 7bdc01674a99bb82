//! A plan that is still being written: each task as soon as its object has closed.
//!
//! Invariant: the parts do not depend on how the text was cut into pieces. What is no JSON yields
//! no parts or wrong ones, and the plan is read again whole when it is there.

use harmonic_types::Task;

use crate::graph::{GraphFault, plan_task};

/// Part of a plan that is complete.
#[derive(Clone, Debug, PartialEq)]
pub enum PlanPart {
    /// The planner answers alone.
    AnswersAlone,
    /// The next task, or why it cannot be read.
    Task(Result<Task, GraphFault>),
}

/// Reader of a plan while it is written.
#[derive(Clone, Debug, Default)]
pub struct PartialPlan {
    depth: usize,
    string: Option<StringState>,
    /// The last string of the outermost object.
    last: String,
    /// Key of the outermost object whose value is being read.
    key: String,
    /// Text of the task that is being read.
    element: String,
    tasks: usize,
    /// Whether the array of tasks was there; a second one does not count.
    is_past_tasks: bool,
}

/// Position within a string.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum StringState {
    Text,
    Escaped,
}

impl PartialPlan {
    /// Bytes of one task; what is longer cannot be read.
    const LONGEST: usize = 256 << 10;
    /// Bytes of a key that matters, and more.
    const LONGEST_KEY: usize = 16;
    /// Levels of the object and the array around a task.
    const AROUND: usize = 2;

    /// Takes more text, and returns what has closed with it.
    pub fn push(&mut self, text: &str) -> Vec<PlanPart> {
        text.chars().filter_map(|character| self.take(character)).collect()
    }

    fn take(&mut self, character: char) -> Option<PlanPart> {
        let is_task = self.is_in_tasks() && (self.depth > Self::AROUND || character == '{');
        if is_task && self.element.len() <= Self::LONGEST {
            self.element.push(character);
        }
        match (self.string, character) {
            (Some(StringState::Escaped), _) => self.string = Some(StringState::Text),
            (Some(StringState::Text), '\\') => self.string = Some(StringState::Escaped),
            (Some(StringState::Text), '"') => {
                self.string = None;
                return (self.depth == 1 && self.key == "mode" && self.last == "answer")
                    .then_some(PlanPart::AnswersAlone);
            }
            (Some(StringState::Text), _) => {
                if self.depth == 1 && self.last.len() < Self::LONGEST_KEY {
                    self.last.push(character);
                }
            }
            (None, '"') => {
                self.string = Some(StringState::Text);
                if self.depth == 1 {
                    self.last.clear();
                }
            }
            (None, ':') if self.depth == 1 => self.key = std::mem::take(&mut self.last),
            (None, ',') if self.depth == 1 => self.key.clear(),
            (None, '{' | '[') => self.depth += 1,
            (None, '}' | ']') => return self.close(),
            (None, _) => {}
        }
        None
    }

    fn is_in_tasks(&self) -> bool {
        self.depth >= Self::AROUND && self.key == "tasks" && !self.is_past_tasks
    }

    fn close(&mut self) -> Option<PlanPart> {
        let was_task = self.is_in_tasks() && self.depth == Self::AROUND + 1;
        self.is_past_tasks |= self.is_in_tasks() && self.depth == Self::AROUND;
        self.depth = self.depth.saturating_sub(1);
        was_task.then(|| {
            let json = std::mem::take(&mut self.element);
            let index = self.tasks;
            self.tasks += 1;
            PlanPart::Task(plan_task(index, &json))
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PLAN: &str = r#" {"mode" : "team", "note": "x\"tasks\":[{", "tasks":
        [{"title":"A \"}]\" b","kind":"ask","agent":"a","instruction":"{[,","after":[]},
         {"title":"B","kind":"tool","tool":"t","arguments":{"a":[{"b":1}]},"after":[0]},
         {"title":"C","kind":"nonsense","after":[]}],
         "more": [{"title":"D","kind":"ask"}], "tasks": [{"title":"E"}]}"#;

    fn titles(parts: &[PlanPart]) -> Vec<Result<&str, &str>> {
        let title = |part| match part {
            &PlanPart::Task(Ok(ref task)) => Ok(task.title.as_str()),
            PlanPart::Task(Err(fault)) => Err(fault.field.as_str()),
            PlanPart::AnswersAlone => Ok("alone"),
        };
        parts.iter().map(title).collect()
    }

    #[test]
    fn each_task_comes_as_soon_as_its_object_closes() {
        let mut plan = PartialPlan::default();
        let (before, after) = PLAN.split_at(PLAN.find(",\n         {\"title\":\"B\"").unwrap());
        assert_eq!(titles(&plan.push(before)), [Ok("A \"}]\" b")]);
        assert_eq!(titles(&plan.push(after)), [Ok("B"), Err("kind")]);
    }

    #[test]
    fn an_answer_alone_is_known_by_the_first_field() {
        let mut plan = PartialPlan::default();
        assert_eq!(plan.push(r#"{"mode":"ans"#), []);
        assert_eq!(plan.push(r#"wer","#), [PlanPart::AnswersAlone]);
        assert_eq!(plan.push(r#""answer":"mode\":\"answer\""}"#), []);
    }

    proptest! {
        #[test]
        fn the_parts_do_not_depend_on_the_pieces(
            noise in "[{}\\[\\]\",:\\\\a-c ]{0,200}",
            plan in any::<bool>(),
            cut in 1_usize..20,
        ) {
            let text = if plan { PLAN } else { &noise };
            let whole = PartialPlan::default().push(text);
            let mut reader = PartialPlan::default();
            let characters: Vec<char> = text.chars().collect();
            let pieces = characters.chunks(cut).map(|piece| piece.iter().collect::<String>());
            let parts: Vec<PlanPart> = pieces.flat_map(|piece| reader.push(&piece)).collect();
            prop_assert_eq!(parts, whole);
        }
    }
}
