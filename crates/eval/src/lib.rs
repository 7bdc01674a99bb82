//! Whether a team beats one agent: suites, scoring, paired statistics, verdicts.
//!
//! Owns: the suites ([`Suite`]) and their items ([`Item`]), what of an answer counts ([`read`]), what
//! an agent answers within a budget ([`within`], [`majority`]), the comparison of two sides over the
//! same items ([`compare`]), the report, and the choice that `--auto` makes of stored verdicts
//! ([`choose`]).
//!
//! Invariants: pure; the same seed gives the same items, and the same answers the same verdict; answers of models and
//! files of packages are bounded, and nothing in them is an error of the program.
//!
//! Does not do: ask agents, run programs, download, store.
#![forbid(unsafe_code)]

mod arm;
mod attempt;
mod choice;
mod comparison;
mod item;
mod report;
mod scoring;
mod seeds;
mod statistics;
mod suite;
mod suites;

pub use arm::{Arm, ArmError};
pub use attempt::{Attempt, Cost, ItemOutcome, is_within, majority, within};
pub use choice::{Choice, Chosen, choose};
pub use comparison::{Comparison, compare};
pub use item::{Expected, ExpectedCall, Item, Program};
pub use report::{ArmFigures, EvalReport, SuiteReport};
pub use scoring::{Grade, Reading, read};
pub use seeds::run_seed;
pub use statistics::{exact_mcnemar, paired_difference};
pub use suite::{GoalShape, Package, Suite, SuiteError};
