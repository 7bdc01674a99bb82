//! Ways to a context that holds a prompt, as planned on the machine of the server when its team
//! started, and the choice among them for one prompt.
//!
//! Does not do: the plans; `app` makes them, off the path of requests.

use std::fmt;

use crate::stack::AgentName;
use crate::units::Tokens;

/// Command that starts a team whose plan keeps an agent with a larger context.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restart {
    /// Stack of the command; `None` for the command by which the server was started.
    pub stack: Option<String>,
    /// Context of the command.
    pub context: Tokens,
}

impl fmt::Display for Restart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { stack, context } = self;
        match stack {
            // Only the server's user knows the other options that it was started with.
            None => write!(f, "the same `harmonic up` command, with `--context {context}`"),
            Some(stack) => write!(f, "`harmonic up --stack {stack} --context {context}`"),
        }
    }
}

/// Commands that hold larger contexts for one agent on this machine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LargerContexts {
    /// Commands that keep the agent, the best stack first.
    pub own: Vec<Restart>,
    /// Commands that keep an agent in its place, with that agent, the best stack first.
    pub others: Vec<(AgentName, Restart)>,
}

/// Way to a context that holds a prompt, displayed after the advice to shorten the prompt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LargerContext {
    /// This command keeps the agent.
    Restart(Restart),
    /// No command keeps the agent, but this one another.
    OtherAgent {
        /// The agent that was asked.
        asked: AgentName,
        /// The agent that is kept.
        kept: AgentName,
        /// The command.
        restart: Restart,
    },
    /// No stack that is known here keeps any agent with this context.
    Nowhere(Tokens),
    /// Nothing was planned; this context holds the prompt.
    Unplanned(Tokens),
}

impl LargerContext {
    /// Of a larger context, one part in this many is left for the answer, if possible.
    const ANSWER_PART: u64 = 4;

    /// Way to a context beyond `context` that holds a prompt of `prompt` tokens to `agent`, and an
    /// answer; `known` are those of this machine.
    pub fn of(
        agent: &AgentName,
        prompt: Tokens,
        context: Tokens,
        known: Option<&LargerContexts>,
    ) -> Self {
        let tokens = u64::from(prompt.0);
        let answer = tokens / (Self::ANSWER_PART - 1) + 1;
        let wanted =
            Tokens(u32::try_from((tokens + answer).next_power_of_two()).unwrap_or(u32::MAX));
        let Some(LargerContexts { own, others }) = known else { return Self::Unplanned(wanted) };
        let larger = |restart: &&Restart| restart.context > context;
        if let Some(restart) = best(own.iter().filter(larger), prompt, wanted) {
            return Self::Restart(restart.clone());
        }
        let best = best(others.iter().map(|(_, restart)| restart), prompt, wanted);
        let found = best.and_then(|best| others.iter().find(|(_, restart)| restart == best));
        match found {
            Some((kept, restart)) => Self::OtherAgent {
                asked: agent.clone(),
                kept: kept.clone(),
                restart: restart.clone(),
            },
            None => Self::Nowhere(wanted),
        }
    }
}

/// Of these commands the first stack's with the smallest context that is as large as `wanted`, else
/// that with the largest one that holds `prompt`.
fn best<'r>(
    restarts: impl Iterator<Item = &'r Restart> + Clone,
    prompt: Tokens,
    wanted: Tokens,
) -> Option<&'r Restart> {
    // The server's own command needs no other model.
    let own = restarts.clone().filter(|restart| restart.stack.is_none());
    let own_best = enough(own, prompt, wanted);
    if own_best.is_some() {
        return own_best;
    }
    enough(restarts.filter(|restart| restart.stack.is_some()), prompt, wanted)
}

fn enough<'r>(
    restarts: impl Iterator<Item = &'r Restart> + Clone,
    prompt: Tokens,
    wanted: Tokens,
) -> Option<&'r Restart> {
    // Of equal ones, the first.
    let with_answer = restarts.clone().filter(|restart| restart.context >= wanted);
    with_answer.min_by_key(|restart| restart.context).or_else(|| {
        let just = restarts.filter(|restart| restart.context > prompt);
        just.reduce(|best, next| if next.context > best.context { next } else { best })
    })
}

impl fmt::Display for LargerContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Restart(restart) if restart.stack.is_none() => {
                write!(f, ", or restart the server by {restart}")
            }
            Self::Restart(restart) => {
                write!(f, ", or restart the server with a stack that holds it: {restart}")
            }
            Self::OtherAgent { asked, kept, restart } => {
                let context = restart.context;
                write!(
                    f,
                    "; no stack on this machine holds a context of {context} for {asked}, but one does for \
                     {kept}: {restart}"
                )
            }
            Self::Nowhere(context) => {
                write!(f, "; no stack holds a context of {context} on this machine")
            }
            Self::Unplanned(context) => write!(
                f,
                ", or restart the server with `--context {context}`, if `harmonic plan --context \
                 {context}` keeps the agent"
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn restart(stack: Option<&str>, context: u32) -> Restart {
        Restart { stack: stack.map(str::to_owned), context: Tokens(context) }
    }

    fn shown(prompt: u32, context: u32, known: Option<&LargerContexts>) -> String {
        LargerContext::of(&"coder".into(), Tokens(prompt), Tokens(context), known).to_string()
    }

    #[test]
    fn the_way_to_a_larger_context_is_one_that_leads_there() {
        let standard = Some("standard");
        let own = vec![
            restart(None, 4096),
            restart(None, 8192),
            restart(standard, 16_384),
            restart(standard, 40_960),
            restart(Some("dev"), 16_384),
        ];
        let known = LargerContexts { own, others: Vec::new() };
        let way = |prompt, context| {
            LargerContext::of(&"coder".into(), Tokens(prompt), Tokens(context), Some(&known))
        };
        let restarted = |stack, context| LargerContext::Restart(restart(stack, context));
        assert_eq!(way(3000, 2048), restarted(None, 4096));
        assert_eq!(way(7000, 4096), restarted(None, 8192), "with a shorter answer");
        assert_eq!(way(9000, 8192), restarted(standard, 16_384), "the first of equal ones");
        assert_eq!(way(16_000, 8192), restarted(standard, 40_960));
        assert_eq!(way(40_000, 8192), restarted(standard, 40_960), "with a shorter answer");
        assert_eq!(way(41_000, 8192), LargerContext::Nowhere(Tokens(65_536)));
        assert_eq!(way(u32::MAX, 8192), LargerContext::Nowhere(Tokens(u32::MAX)));
    }

    #[test]
    fn where_no_plan_keeps_the_agent_another_one_or_nobody_is_named() {
        let other = ("executive".into(), restart(Some("standard"), 16_384));
        let known = LargerContexts { own: vec![restart(None, 8192)], others: vec![other] };
        assert_eq!(
            shown(9000, 8192, Some(&known)),
            "; no stack on this machine holds a context of 16384 for coder, but one does for executive: `harmonic up --stack standard --context 16384`"
        );
        assert_eq!(
            shown(20_000, 8192, Some(&known)),
            "; no stack holds a context of 32768 on this machine"
        );
        assert_eq!(
            shown(7000, 4096, Some(&known)),
            ", or restart the server by the same `harmonic up` command, with `--context 8192`"
        );
        assert_eq!(
            shown(9000, 8192, None),
            ", or restart the server with `--context 16384`, if `harmonic plan --context 16384` keeps the agent"
        );
    }
}
