//! The run that a user asks for, from texts and files of this machine.

use std::io::Read;
use std::path::{Path, PathBuf};

use harmonic_api::runs::{BudgetBody, CreateRun, RunMode};
use harmonic_fsutil::open_input;
use harmonic_orchestrator::{AskPolicy, read_graph};
use harmonic_types::{RunBudget, TaskGraph};

use crate::error::{AppError, Result};

/// Largest text that is read from a file or stdin, in bytes.
const MAX_TEXT: u64 = 1 << 20;

/// What a user says of a run. At most one of `mode`, `recipe` and `plan` is there.
#[derive(Clone, Debug, Default)]
pub struct RunOptions {
    /// How the tasks are found.
    pub mode: Option<RunMode>,
    /// Name of a recipe of the server, or a file.
    pub recipe: Option<String>,
    /// File of a task graph.
    pub plan: Option<PathBuf>,
    /// File that all tasks read.
    pub brief: Option<PathBuf>,
    /// Bounds.
    pub budget: Option<RunBudget>,
    /// When a person is asked.
    pub ask: AskPolicy,
    /// Whether it gives way to people.
    pub background: bool,
    /// Names of tool sets of the server.
    pub tool_sets: Vec<String>,
    /// Name of a workspace of the server.
    pub workspace: Option<String>,
    /// Seed; `None` lets the server choose one.
    pub seed: Option<u64>,
}

impl RunOptions {
    /// The request for a run with this `goal`.
    ///
    /// # Errors
    /// When the goal is empty, or a file cannot be read or is not what it should be.
    pub fn request(&self, goal: &str) -> Result<CreateRun> {
        if goal.trim().is_empty() {
            let hint = "pass it as an argument: harmonic run \"…\"";
            return Err(AppError::refused("no task", hint));
        }
        let recipe_file = self.recipe.as_deref().filter(|recipe| is_file(recipe));
        let budget = self.budget.map(|RunBudget { tokens, time_ms, joules }| BudgetBody {
            tokens,
            time_ms,
            joules: joules.map(|joules| joules.0),
        });
        Ok(CreateRun {
            goal: goal.to_owned(),
            brief: self.brief.as_deref().map(|path| file(path, "the brief")).transpose()?,
            mode: self.mode,
            recipe: self.recipe.clone().filter(|recipe| !is_file(recipe)),
            recipe_toml: recipe_file
                .map(|recipe| file(Path::new(recipe), "the recipe"))
                .transpose()?,
            plan: self.plan.as_deref().map(plan).transpose()?,
            budget,
            ask: Some(self.ask),
            background: self.background,
            tools: self.tool_sets.clone(),
            workspace: self.workspace.clone(),
            client_tools: Vec::new(),
            seed: self.seed,
            ..CreateRun::default()
        })
    }
}

/// Whether a recipe is given by its file.
pub(crate) fn is_file(recipe: &str) -> bool {
    recipe.contains(['/', '\\']) || Path::new(recipe).extension().is_some_and(|end| end == "toml")
}

fn plan(path: &Path) -> Result<TaskGraph> {
    let text = file(path, "the plan")?;
    let what = format!("invalid plan {}: expected {}", path.display(), TaskGraph::SCHEMA);
    read_graph(&text).map_err(AppError::context(what))
}

pub(crate) fn file(path: &Path, what: &str) -> Result<String> {
    let what = format!("{what} {}", path.display());
    let opened = open_input(path);
    let opened = opened.map_err(AppError::context(format!("cannot read {what}")))?;
    text(opened, &what)
}

/// The text of `from`, whose name is `what`.
///
/// # Errors
/// When it cannot be read, is not UTF-8, or is too long.
pub fn text(from: impl Read, what: &str) -> Result<String> {
    let mut text = String::new();
    let count = from
        .take(MAX_TEXT + 1)
        .read_to_string(&mut text)
        .map_err(AppError::context(format!("cannot read {what}: expected UTF-8")))?;
    if count as u64 > MAX_TEXT {
        let hint = format!("expected at most {MAX_TEXT} bytes");
        return Err(AppError::refused(format!("{what} is too long"), hint));
    }
    Ok(text)
}
