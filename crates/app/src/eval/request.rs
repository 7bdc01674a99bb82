//! What is to be evaluated, from the words of a user.

use std::path::Path;

use harmonic_eval::{Arm, Suite};
use harmonic_orchestrator::Recipe;

use crate::error::{AppError, Result};
use crate::run_request;
use crate::tool_processes;

/// Recipe of the team where none is named.
const RECIPE: &str = "split";

/// What a user says.
#[derive(Clone, Debug)]
pub struct EvalOptions {
    /// Names of suites; none are the default ones.
    pub suites: Vec<String>,
    /// Names of arms; none are all.
    pub arms: Vec<String>,
    /// Name of a recipe, or a file.
    pub recipe: Option<String>,
    /// Items of each suite, at most.
    pub items: u32,
    /// Seed.
    pub seed: u64,
    /// Tokens of each task's answer, at most; above 0.
    pub max_tokens: u32,
    /// Whether programs that models write may be run.
    pub allows_programs: bool,
    /// Whether the verdicts are to be saved.
    pub saves: bool,
}

/// What is to be evaluated.
#[derive(Clone, Debug)]
pub struct EvalRequest {
    pub(super) suites: Vec<Suite>,
    pub(super) arms: Vec<Arm>,
    pub(super) recipe: TeamRecipe,
    pub(super) items: usize,
    pub(super) seed: u64,
    pub(super) max_tokens: u32,
}

/// The recipe of the team.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum TeamRecipe {
    /// A built-in one, by its name.
    Builtin(String),
    /// One of the user.
    File { name: String, text: String },
}

impl TeamRecipe {
    pub(super) fn name(&self) -> &str {
        match self {
            Self::Builtin(name) | Self::File { name, .. } => name,
        }
    }

    fn read(given: &str) -> Result<Self> {
        if !run_request::is_file(given) {
            let known = Recipe::named(given).map_err(|error| {
                AppError::refused(error.to_string(), "see docs/runs.md for what each does")
            })?;
            return Ok(Self::Builtin(known.name().to_owned()));
        }
        let text = run_request::file(Path::new(given), "the recipe")?;
        let recipe = Recipe::parse(given, &text)
            .map_err(|error| AppError::refused(error.to_string(), "correct the file"))?;
        Ok(Self::File { name: recipe.name().to_owned(), text })
    }
}

impl EvalRequest {
    /// The request of `options`.
    ///
    /// # Errors
    /// When a name is unknown, or what is asked for cannot be done together.
    pub fn new(options: &EvalOptions) -> Result<Self> {
        let suites = suites(&options.suites)?;
        let programs = suites.iter().find(|suite| suite.runs_programs());
        match programs {
            Some(suite) if !options.allows_programs => {
                let message = format!("the suite {} runs programs that models write", suite.name());
                let hint = "--allow-run allows it: confined, without network";
                return Err(AppError::refused(message, hint));
            }
            Some(_) => tool_processes::require_confinement()?,
            None => {}
        }
        let recipe = TeamRecipe::read(options.recipe.as_deref().unwrap_or(RECIPE))?;
        if options.saves && matches!(recipe, TeamRecipe::File { .. }) {
            let message = "the verdict on a recipe file cannot be saved";
            let hint = "--auto follows built-in recipes only: leave out --save";
            return Err(AppError::refused(message, hint));
        }
        Ok(Self {
            suites,
            arms: arms(&options.arms)?,
            recipe,
            items: usize::try_from(options.items).unwrap_or(usize::MAX),
            seed: options.seed,
            max_tokens: options.max_tokens,
        })
    }

    /// Whether programs that models write are run.
    pub(super) fn runs_programs(&self) -> bool {
        self.suites.iter().any(|suite| suite.runs_programs())
    }
}

fn suites(names: &[String]) -> Result<Vec<Suite>> {
    if names.is_empty() {
        return Ok(Suite::DEFAULT.to_vec());
    }
    let mut suites = Vec::new();
    for name in names {
        let suite = Suite::named(name).map_err(|error| {
            AppError::refused(error.to_string(), "`harmonic eval` alone does breadth and chain")
        })?;
        if !suites.contains(&suite) {
            suites.push(suite);
        }
    }
    Ok(suites)
}

/// The arms, in their fixed order.
fn arms(names: &[String]) -> Result<Vec<Arm>> {
    if names.is_empty() {
        return Ok(Arm::ALL.to_vec());
    }
    let hint = "such as --arms solo,team";
    let mut arms = Vec::new();
    for name in names {
        let arm = Arm::named(name.trim());
        arms.push(arm.map_err(|error| AppError::refused(error.to_string(), hint))?);
    }
    arms.sort();
    arms.dedup();
    if arms.first() != Some(&Arm::Solo) || arms.len() < 2 {
        let message = "the arms are compared with one agent: expected solo and another one";
        return Err(AppError::refused(message, hint));
    }
    Ok(arms)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::hint;

    fn options() -> EvalOptions {
        EvalOptions {
            suites: Vec::new(),
            arms: Vec::new(),
            recipe: None,
            items: 100,
            seed: 0,
            max_tokens: 512,
            allows_programs: false,
            saves: false,
        }
    }

    fn words(words: &[&str]) -> Vec<String> {
        words.iter().map(|word| (*word).to_owned()).collect()
    }

    #[test]
    fn the_default_is_both_own_suites_with_all_arms_and_the_recipe_of_small_models() {
        let request = EvalRequest::new(&options()).unwrap();
        assert_eq!(request.suites, [Suite::Breadth, Suite::Chain]);
        assert_eq!(request.arms, Arm::ALL);
        assert_eq!(request.recipe, TeamRecipe::Builtin("split".to_owned()));
        let named = EvalOptions {
            suites: words(&["gsm8k", "chain", "gsm8k"]),
            arms: words(&["team", "solo", "team"]),
            ..options()
        };
        let request = EvalRequest::new(&named).unwrap();
        assert_eq!(request.suites, [Suite::Gsm8k, Suite::Chain]);
        assert_eq!(request.arms, [Arm::Solo, Arm::Team]);
    }

    #[test]
    fn what_cannot_be_done_is_refused_with_a_remedy() {
        for (changed, message) in [
            (EvalOptions { suites: words(&["gsm8"]), ..options() }, "did you mean `gsm8k`?"),
            (EvalOptions { arms: words(&["slo"]), ..options() }, "did you mean `solo`?"),
            (EvalOptions { arms: words(&["team"]), ..options() }, "expected solo and another one"),
            (EvalOptions { arms: words(&["solo"]), ..options() }, "expected solo and another one"),
            (EvalOptions { recipe: Some("splitt".into()), ..options() }, "did you mean `split`?"),
            (
                EvalOptions { recipe: Some("./no.toml".into()), ..options() },
                "cannot read the recipe",
            ),
            (EvalOptions { suites: words(&["humaneval"]), ..options() }, "runs programs"),
        ] {
            let error = EvalRequest::new(&changed).unwrap_err();
            assert!(error.to_string().contains(message), "{error}");
            let is_named = matches!(error, AppError::Refused { .. });
            assert_eq!(hint(&error).is_some(), is_named, "{error:?}");
        }
    }
}
