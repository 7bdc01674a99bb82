//! Limits of a run beside its budget.

use serde::{Deserialize, Serialize};

/// Limits of a run. All are at least 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RunLimits {
    /// Tasks of a graph, at most; [`RunLimits::MOST_TASKS`] at most.
    pub tasks: u32,
    /// Time after which an approval that nobody answered is a no, in milliseconds.
    pub approval_ms: u64,
    /// Time without a token after which a call that has its slot is given up, in milliseconds.
    pub idle_ms: u64,
    /// Times that a call is made anew because its engine was restarting, full, or died.
    pub retries: u32,
    /// Turns of one task whose agent calls tools.
    pub tool_turns: u32,
    /// Calls of tools in one turn.
    pub tool_calls: u32,
    /// Bytes of a tool's result.
    pub tool_bytes: u64,
    /// Time of a tool's call, in milliseconds.
    pub tool_ms: u64,
}

impl RunLimits {
    /// Tasks of a graph that no setting exceeds.
    pub const MOST_TASKS: u32 = 64;
    /// Rounds of a check, at most.
    pub const ROUNDS: u32 = 2;
    /// Samples of a vote, at most.
    pub const SAMPLES: u32 = 32;
    /// Characters of a title.
    pub const TITLE: usize = 80;
    /// Characters of an instruction, whatever the contexts are.
    pub const INSTRUCTION: usize = 8_000;
    /// Bytes of a goal, and of a brief.
    pub const GOAL: usize = 1 << 20;
    /// Depth of runs within runs, the first being 0.
    pub const DEPTH: u32 = 2;
}

impl Default for RunLimits {
    fn default() -> Self {
        Self {
            tasks: 16,
            approval_ms: 600_000,
            idle_ms: 120_000,
            retries: 8,
            tool_turns: 8,
            tool_calls: 8,
            tool_bytes: 64 << 10,
            tool_ms: 60_000,
        }
    }
}
