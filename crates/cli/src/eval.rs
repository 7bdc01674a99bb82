//! Arguments of `eval`.

use clap::Args;
use harmonic_app::eval::EvalOptions;

use super::running::ServerArgs;
use super::values;

/// Arguments of `eval`.
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
#[derive(Debug, Args)]
pub struct Eval {
    /// Suites: breadth, chain, gsm8k, bfcl, humaneval [default: breadth chain]
    #[arg(value_name = "SUITE")]
    pub suites: Vec<String>,
    /// Do this many items of each suite, or all where it has fewer
    #[arg(long, value_name = "N", default_value_t = 100,
        value_parser = values::whole::<u32>("number", "items", 1..=10_000))]
    pub items: u32,
    /// Let the team follow this recipe, or a TOML file [default: split]
    #[arg(long, value_name = "NAME|FILE")]
    pub recipe: Option<String>,
    /// Compare these with each other: solo, and vote, team or both [default: solo,vote,team]
    #[arg(long, value_name = "ARM,…", value_delimiter = ',')]
    pub arms: Vec<String>,
    /// Choose the items and the samples of the models by this number
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = values::seed)]
    pub seed: u64,
    /// Limit the answer of each task to this number of tokens
    #[arg(long, value_name = "N", default_value_t = 1024,
        value_parser = values::tokens::<u32>("limit", 1..=1_000_000))]
    pub max_tokens: u32,
    /// Save the verdicts; `harmonic run --auto` follows them
    #[arg(long, conflicts_with = "url")]
    pub save: bool,
    /// Run the programs that models write for the suite humaneval: confined, without network
    #[arg(long)]
    pub allow_run: bool,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    /// Start this stack for the evaluation, unless a team with it runs here, and stop it afterwards
    #[arg(long, value_name = "NAME|FILE", conflicts_with_all = ["port", "url"])]
    pub stack: Option<String>,
    /// Fetch models of more than 1 GB for --stack without a question
    #[arg(long, short, requires = "stack")]
    pub yes: bool,
    /// Server of the team
    #[command(flatten)]
    pub server: ServerArgs,
}

impl Eval {
    /// Corresponding options of `app`.
    pub fn options(&self) -> EvalOptions {
        EvalOptions {
            suites: self.suites.clone(),
            arms: self.arms.clone(),
            recipe: self.recipe.clone(),
            items: self.items,
            seed: self.seed,
            max_tokens: self.max_tokens,
            allows_programs: self.allow_run,
            saves: self.save,
        }
    }
}
