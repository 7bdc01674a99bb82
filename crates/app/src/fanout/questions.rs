//! Questions of the demo: a short one for each agent, in its own field.

use harmonic_types::{AgentName, Plan};

const QUESTIONS: [(&str, &str); 9] = [
    ("executive", "We have a new app and three weeks. What should we do first, and why?"),
    ("operator", "Turn this into a list: buy milk, call the bank on Monday, water the plants."),
    ("technical_director", "Name three parts that a web shop is made of and what each one does."),
    ("research_director", "Why is the sky blue in the day and red in the evening?"),
    (
        "creative_director",
        "Write two sentences that invite people to a small book shop by the sea.",
    ),
    ("coder", "Write a Python function that returns the larger of two numbers."),
    ("analyst", "Sales were 100 in May and 120 in June. What changed, and by how much?"),
    ("architect", "When is one large program better than many small services?"),
    ("reviewer", "What is wrong with this line of Python: `if x = 3: print(x)`?"),
];

/// Question for an agent of the user.
const DEFAULT: &str = "In two sentences: what can you do for me?";

/// One question for each agent of `plan` that can answer.
pub fn of(plan: &Plan) -> Vec<(AgentName, String)> {
    let question = |name: &AgentName| {
        QUESTIONS
            .iter()
            .find(|(known, _)| *known == name.0)
            .map_or(DEFAULT, |(_, question)| question)
    };
    plan.generating().map(|agent| (agent.name.clone(), question(&agent.name).to_owned())).collect()
}
