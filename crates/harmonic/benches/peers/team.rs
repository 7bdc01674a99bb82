//! Measured agents, with the system prompts that both servers use.

use std::fmt::Write;

use crate::words::Words;

/// Agent.
#[derive(Clone, Debug)]
pub struct Agent {
    pub name: String,
    /// Tier, 1 to 4.
    pub tier: u8,
    pub system: String,
}

/// Team on one model.
#[derive(Clone, Debug)]
pub struct Team {
    pub agents: Vec<Agent>,
}

impl Team {
    /// Two agents with one short prompt: enough guaranteed slots for 32 streams, and almost nothing
    /// to cache.
    pub fn plain() -> Self {
        let agent = |number| Agent {
            name: format!("plain-{number}"),
            tier: 1,
            system: "Answer.".to_owned(),
        };
        Self { agents: (1..=2).map(agent).collect() }
    }

    /// Seven agents in the tiers of the standard stack, each with its own prompt.
    pub fn of_seven(words: &Words, prompt_words: usize) -> Self {
        let tiers = [1, 1, 2, 2, 2, 3, 3];
        let agents = (1..).zip(tiers).map(|(number, tier)| Agent {
            name: format!("agent-{number}"),
            tier,
            system: words.fresh(prompt_words),
        });
        Self { agents: agents.collect() }
    }

    /// Stack file for the model stored under `model`.
    pub fn stack_file(&self, model: &str, context: u32) -> String {
        let mut file = "name = \"peers\"\n".to_owned();
        for Agent { name, tier, system } in &self.agents {
            // Names and prompts are plain words and need no escaping.
            let _ = write!(
                file,
                "\n[[agents]]\nname = \"{name}\"\ntier = {tier}\nmodel = \"{model}\"\n\
                 context = {context}\nrole = \"is measured\"\nsystem = \"{system}\"\n"
            );
        }
        file
    }
}
