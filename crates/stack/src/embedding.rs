//! The built-in agent for embeddings, which is in no built-in stack.

use harmonic_types::StackSpec;

use crate::builtin::builtin_agents;

/// Name of the built-in agent for embeddings.
pub(crate) const EMBEDDING: &str = "embedding";

/// `stack` with the built-in agent `embedding`; unchanged if it has an agent of that name.
#[must_use]
pub fn with_embedding(mut stack: StackSpec) -> StackSpec {
    let is_it = |name: &str| name == EMBEDDING;
    if !stack.agents.iter().any(|agent| is_it(&agent.name.0)) {
        let embedding = builtin_agents().iter().filter(|agent| is_it(&agent.name.0));
        stack.agents.extend(embedding.cloned());
    }
    stack
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::builtin::builtin;

    #[test]
    fn the_agent_is_added_once() {
        let standard = builtin("standard").unwrap();
        let once = with_embedding(standard.clone());
        assert_eq!(once.agents.len(), standard.agents.len() + 1);
        assert_eq!(once.agents.last().unwrap().model, "all-minilm:22m");
        assert_eq!(with_embedding(once.clone()), once);
    }
}
