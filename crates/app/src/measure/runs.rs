//! A benchmark of runs of a team, each of which is one request of the load.
//!
//! Invariants: the free texts of all tasks have one length, so that a run is the same work each time.

use harmonic_api::Client;
use harmonic_bench::{BenchConfig, Load, Protocol};
use harmonic_perfmodel::REAL_TIME;
use harmonic_types::{AgentName, RunWorkload, did_you_mean};

use super::targets::BenchTarget;
use crate::error::{AppError, Result};
use crate::runs::TeamEngine;

/// Tokens of each task's answer in a quick measurement: at 32 runs of five tasks each, longer ones
/// would not end within it on two cores.
const QUICK_TOKENS: u32 = 24;

/// Words of a goal.
const GOAL_WORDS: u32 = 40;

/// The load of runs of `recipe`.
pub fn load(recipe: &str) -> Load {
    let agents = vec![AgentName(model(recipe))];
    Load { agents, model: format!("run:{recipe}"), ..Load::default() }
}

/// The settings `preset` for runs of `recipe` by the agents of `targets`.
pub fn config(preset: BenchConfig, recipe: &str, targets: &[BenchTarget]) -> BenchConfig {
    let mut models: Vec<String> = Vec::new();
    for target in targets {
        if !models.contains(&target.model) {
            models.push(target.model.clone());
        }
    }
    let is_quick = preset.protocol == Protocol::Quick;
    BenchConfig {
        // The tokens of a goal cannot be told from those of all the prompts of a run.
        prompt_tokens: None,
        prompt_words: GOAL_WORDS,
        output_tokens: if is_quick { QUICK_TOKENS } else { preset.output_tokens },
        runs: Some(RunWorkload { recipe: recipe.to_owned(), models, real_time: REAL_TIME }),
        ..preset
    }
}

/// Checks that the server of `client` has the recipe.
///
/// # Errors
/// When it does no runs, or lacks the recipe.
pub async fn check_recipe(client: &Client, recipe: &str) -> Result<()> {
    let models = client.models().await?;
    let prefix = model("");
    let known: Vec<&str> = models.iter().filter_map(|name| name.strip_prefix(&prefix)).collect();
    if known.contains(&recipe) {
        return Ok(());
    }
    let url = client.base_url();
    if known.is_empty() {
        let what = format!("the server at {url} does no runs");
        return Err(AppError::refused(what, "measure a team of harmonic, or leave out --workload"));
    }
    let meant = did_you_mean(recipe, known.iter().copied());
    let what = format!("there is no recipe `{recipe}` at {url}{meant}");
    Err(AppError::refused(what, format!("use one of {}", known.join(", "))))
}

/// Name of the model that does the runs of `recipe`.
fn model(recipe: &str) -> String {
    format!("{}:{recipe}", TeamEngine::NAME)
}
