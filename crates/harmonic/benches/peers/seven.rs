//! Team of seven agents with long system prompts, short questions, 50 tokens out.

use std::time::Duration;

use crate::arrivals::{Arrivals, Question};
use crate::run::{Better, Run, conditions, ours_first, say, warm_up};
use crate::sample::{Sample, measure};
use crate::server::Server;
use crate::setup::Pair;
use crate::table::{Bound, Row, Table};
use crate::team::Team;

/// Requests in flight.
const LEVELS: [u32; 3] = [7, 14, 32];

/// Prompt and answer.
const QUESTION: Question = Question { words: 16, output: 50 };

/// Length of the system prompts.
#[derive(Clone, Copy, Debug)]
pub struct Prompts {
    /// Words per prompt.
    pub words: usize,
    /// Context per sequence, in tokens.
    pub context: u32,
    /// Requests per trial and per request in flight.
    pub rounds: u32,
    pub trials: u32,
    /// Expected ratio of throughput at 32.
    pub wanted: f64,
    /// Output tok/s of vLLM's CPU build (BF16, prefix caching) at 32, on a machine of this kind
    /// (`docs/sources.md#llama-server-on-two-cores`).
    pub vllm_tok_s: u32,
}

/// Prompts of 300 words.
pub const SHORT: Prompts =
    Prompts { words: 300, context: 768, rounds: 4, trials: 4, wanted: 1.7, vllm_tok_s: 231 };

/// Prompts of 1,500 words. llama-server takes minutes for them, so there are fewer.
pub const LONG: Prompts =
    Prompts { words: 1500, context: 2048, rounds: 3, trials: 4, wanted: 3.0, vllm_tok_s: 109 };

/// Compares harmonic with llama-server.
pub async fn run(run: &Run, prompts: Prompts) -> anyhow::Result<Table> {
    let model = run.model(run.arguments.model.as_ref(), "smollm2:135m")?;
    let team = Team::of_seven(&run.words, prompts.words);
    let agents = team.agents.len();
    let setup = run.setup(model, team, prompts.context);
    let title = format!("A team of 7 with system prompts of {} words", prompts.words);
    let load = |level, count| Arrivals::flow(&run.words, agents, level, count, QUESTION);
    // The layouts are compared at 14 in flight, because 32 would take minutes.
    let probe = async |server: &Server| Ok(measure(server, None, load(14, 2)).await?.tok_s);
    let (peer, mut notes) = run.better_peer(&setup, Better::HigherTokS, probe).await?;
    let pair = Pair::start(&setup, &peer, &run.folder).await?;
    warm_up(&pair.ours, &run.words).await?;
    warm_up(&pair.peer, &run.words).await?;
    let levels = run.arguments.levels_of(&LEVELS);
    let count = if run.arguments.quick { 2 } else { prompts.rounds };
    let trials = run.arguments.trials(prompts.trials);
    let mut rows = Vec::new();
    let mut all = Vec::new();
    for level in levels {
        let mut samples: Vec<(Sample, Sample)> = Vec::new();
        for trial in 0..trials {
            let both = pair.measure(ours_first(trial), || load(level, count)).await?;
            say(&format!(
                "{title}, {level} in flight, trial {} of {trials}: {:.1} and {:.1} tok/s, TTFT p50 \
                 {:.0} and {:.0} ms",
                trial + 1,
                both.0.tok_s,
                both.1.tok_s,
                millis(both.0.ttft_p50),
                millis(both.1.ttft_p50)
            ));
            samples.push(both);
        }
        rows.extend(rows_of(level, &samples, prompts.wanted));
        all.extend(samples);
    }
    notes.splice(0..0, conditions(&setup, &peer, pair.layout, &all));
    notes.push(format!(
        "Each agent is asked once before the first trial, so both know its system prompt. A trial is \
         {count} requests for each in flight, in an order drawn at random; whoever has an answer \
         asks the next question at once."
    ));
    notes.push(format!(
        "vLLM's CPU build (BF16, prefix caching) reached {} output tok/s at 32 on a machine of this \
         kind, at another time: to be ahead of that too.",
        prompts.vllm_tok_s
    ));
    pair.stop().await?;
    Ok(Table { title, other: "llama-server", rows, notes })
}

fn rows_of(level: u32, samples: &[(Sample, Sample)], wanted: f64) -> [Row; 3] {
    let row = |name, figure: fn(&Sample) -> f64, bound: Option<Bound>| Row {
        case: format!("{level} in flight"),
        figure: name,
        pairs: samples.iter().map(|(ours, peer)| (figure(ours), figure(peer))).collect(),
        bound: bound.filter(|_| level == 32),
    };
    [
        row("output tok/s", |sample| sample.tok_s, Some(Bound::AtLeast(wanted))),
        row("TTFT p50, ms", |sample| millis(sample.ttft_p50), Some(Bound::AtMost(1.0 / 3.0))),
        row("TTFT p90, ms", |sample| millis(sample.ttft_p90), None),
    ]
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}
