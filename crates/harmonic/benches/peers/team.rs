//! The agents that are asked, with the system prompts that both servers see.

use std::fmt::Write;

use crate::words::Words;

/// One agent.
#[derive(Clone, Debug)]
pub struct Agent {
    pub name: String,
    /// 1 to 4.
    pub tier: u8,
    pub system: String,
}

/// A team on one model.
#[derive(Clone, Debug)]
pub struct Team {
    pub agents: Vec<Agent>,
}

impl Team {
    /// Two agents with one short prompt: enough guaranteed slots for 32 streams, and next to nothing
    /// that could be cached.
    pub fn plain() -> Self {
        let agent = |number| Agent {
            name: format!("plain-{number}"),
            tier: 1,
            system: "Answer.".to_owned(),
        };
        Self { agents: (1..=2).map(agent).collect() }
    }

    /// Seven agents in the tiers of the standard stack, each with a prompt of its own.
    pub fn of_seven(words: &Words, prompt_words: usize) -> Self {
        let tiers = [1, 1, 2, 2, 2, 3, 3];
        let agents = (1..).zip(tiers).map(|(number, tier)| Agent {
            name: format!("agent-{number}"),
            tier,
            system: words.fresh(prompt_words),
        });
        Self { agents: agents.collect() }
    }

    /// The stack file, on the model that is stored under `model`.
    pub fn stack_file(&self, model: &str, context: u32) -> String {
        let mut file = "name = \"peers\"\n".to_owned();
        for Agent { name, tier, system } in &self.agents {
            // Names and prompts are plain words: nothing in them needs an escape.
            let _ = write!(
                file,
                "\n[[agents]]\nname = \"{name}\"\ntier = {tier}\nmodel = \"{model}\"\n\
                 context = {context}\nrole = \"is measured\"\nsystem = \"{system}\"\n"
            );
        }
        file
    }
}
