//! Bound of an answer in tokens, where no engine held it: an answer that was put together of several
//! artifacts, or that a tool gave.

use harmonic_types::Tokens;

use crate::runs::team::RunTeam;

/// Bound of an answer.
#[derive(Clone, Copy, Debug)]
pub(super) struct AnswerBound(u32);

impl AnswerBound {
    pub(super) fn new(Tokens(most): Tokens) -> Self {
        Self(most)
    }

    /// Whether `text` is within it for the tokenizers of all agents.
    pub(super) async fn holds(self, team: &RunTeam, text: &str) -> bool {
        // An empty text has none, whatever a template puts around it.
        text.is_empty() || team.counted(text.to_owned()).await.tokens <= self.0
    }

    /// Whether `text` has as many tokens, so that more of it would not have been within it.
    pub(super) async fn is_reached(self, team: &RunTeam, text: &str) -> bool {
        team.counted(text.to_owned()).await.tokens >= self.0
    }

    /// Bytes of the longest beginning of `text` that is within it, cut between characters.
    pub(super) async fn longest(self, team: &RunTeam, text: &str) -> usize {
        if self.holds(team, text).await {
            return text.len();
        }
        let ends: Vec<usize> = text.char_indices().map(|(at, _)| at).collect();
        // Within it below `low` characters, and beyond it from `high` on.
        let (mut low, mut high) = (0, ends.len());
        while low + 1 < high {
            let middle = usize::midpoint(low, high);
            let end = ends.get(middle).copied().unwrap_or(text.len());
            if self.holds(team, &text[..end]).await {
                low = middle;
            } else {
                high = middle;
            }
        }
        ends.get(low).copied().unwrap_or(0)
    }
}
