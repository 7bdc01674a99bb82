//! The paper's protocol: batches of N requests, some 50 tokens in, 100 out. Compares harmonic with
//! llama-server, with a bare decode loop, or with both.

use std::path::PathBuf;

use crate::arrivals::{Arrivals, Question};
use crate::bare::Bare;
use crate::ours;
use crate::run::{Better, Run, conditions, ours_first, say, warm_up};
use crate::sample::{Sample, measure};
use crate::server::Server;
use crate::setup::{Pair, Setup};
use crate::table::{Bound, Row, Table};
use crate::team::Team;

/// Prompt and answer.
const QUESTION: Question = Question { words: 32, output: 100 };

/// Context per sequence, in tokens.
const CONTEXT: u32 = 512;

/// Parameters of a scenario.
pub struct Protocol {
    pub title: &'static str,
    pub model: PathBuf,
    pub plain_text: bool,
    pub levels: Vec<u32>,
    pub trials: u32,
    /// Expected ratio per level.
    pub wanted: fn(u32) -> Option<Bound>,
}

/// Enough batches that a trial at a low level takes some time.
fn waves_at(level: u32) -> u32 {
    (8 / level).clamp(1, 4)
}

fn case(level: u32) -> String {
    if level == 1 { "1 stream".to_owned() } else { format!("{level} streams") }
}

fn setup(run: &Run, protocol: &Protocol) -> Setup {
    let setup = run.setup(protocol.model.clone(), Team::plain(), CONTEXT);
    Setup { plain_text: protocol.plain_text, ..setup }
}

/// Compares harmonic with llama-server.
pub async fn beside_peer(run: &Run, protocol: Protocol) -> anyhow::Result<Table> {
    let setup = setup(run, &protocol);
    let agents = setup.team.agents.len();
    let most = protocol.levels.iter().copied().max().unwrap_or(1);
    let load = |level| Arrivals::waves(&run.words, agents, level, waves_at(level), QUESTION);
    let probe = async |server: &Server| Ok(measure(server, None, load(most)).await?.tok_s);
    let (peer, mut notes) = run.better_peer(&setup, Better::HigherTokS, probe).await?;
    let pair = Pair::start(&setup, &peer, &run.folder).await?;
    warm_up(&pair.ours, &run.words).await?;
    warm_up(&pair.peer, &run.words).await?;
    let mut samples: Vec<Vec<(Sample, Sample)>> = vec![Vec::new(); protocol.levels.len()];
    for trial in 0..protocol.trials {
        for (level, samples) in protocol.levels.iter().zip(&mut samples) {
            let both = pair.measure(ours_first(trial), || load(*level)).await?;
            say(&format!(
                "{}, trial {} of {}, {}: {:.1} and {:.1} tok/s",
                protocol.title,
                trial + 1,
                protocol.trials,
                case(*level),
                both.0.tok_s,
                both.1.tok_s
            ));
            samples.push(both);
        }
    }
    let all: Vec<(Sample, Sample)> = samples.iter().flatten().copied().collect();
    notes.splice(0..0, conditions(&setup, &peer, pair.layout, &all));
    pair.stop().await?;
    let rows = protocol.levels.iter().zip(&samples).map(|(level, samples)| Row {
        case: case(*level),
        figure: "output tok/s",
        pairs: samples.iter().map(|(ours, peer)| (ours.tok_s, peer.tok_s)).collect(),
        bound: (protocol.wanted)(*level),
    });
    let title = protocol.title.to_owned();
    Ok(Table { title, other: "llama-server", rows: rows.collect(), notes })
}

/// Compares harmonic with a bare loop that computes the same number of uncached prompt tokens and
/// decodes the same output.
pub async fn beside_bare(run: &Run, protocol: Protocol) -> anyhow::Result<Table> {
    let bare = Bare::build(&run.arguments.cargo).await?;
    let setup = setup(run, &protocol);
    let agents = setup.team.agents.len();
    let (server, _) = ours::start(&setup, &run.folder).await?;
    warm_up(&server, &run.words).await?;
    let mut pairs: Vec<Vec<(f64, f64)>> = vec![Vec::new(); protocol.levels.len()];
    let mut computed = 50.0;
    for trial in 0..protocol.trials {
        for (level, pairs) in protocol.levels.iter().zip(&mut pairs) {
            let ask = || Arrivals::waves(&run.words, agents, *level, waves_at(*level), QUESTION);
            let alone = |prompt: f64| {
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "small"
                )]
                let prompt = prompt.round().max(1.0) as u32;
                bare.tok_s(&setup.model, setup.threads, *level, prompt, QUESTION.output)
            };
            let (ours, loop_tok_s) = if ours_first(trial) {
                let sample = measure(&server, None, ask()).await?;
                computed = sample.prompt_tokens - sample.cached_tokens;
                (sample.tok_s, alone(computed).await?)
            } else {
                let loop_tok_s = alone(computed).await?;
                (measure(&server, None, ask()).await?.tok_s, loop_tok_s)
            };
            say(&format!(
                "{}, trial {} of {}, {}: {ours:.1} and {loop_tok_s:.1} tok/s",
                protocol.title,
                trial + 1,
                protocol.trials,
                case(*level)
            ));
            pairs.push((ours, loop_tok_s));
        }
    }
    server.stop().await?;
    let rows = protocol.levels.iter().zip(pairs).map(|(level, pairs)| Row {
        case: case(*level),
        figure: "output tok/s",
        pairs,
        bound: (protocol.wanted)(*level),
    });
    let notes = vec![format!(
        "The loop is crates/llama/benches/bare.rs: no HTTP, no template, no scheduler, the most \
         likely token instead of a draw, {computed:.0} prompt tokens and {} steps for each \
         sequence, {} threads.",
        QUESTION.output, setup.threads
    )];
    let title = protocol.title.to_owned();
    Ok(Table { title, other: "bare loop", rows: rows.collect(), notes })
}
