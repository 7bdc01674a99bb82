//! Arrival of a prompt of 4,000 tokens while eight streams run.

use std::time::{Duration, Instant};

use anyhow::Context;

use crate::load::{Answer, Ask, Flight};
use crate::run::{Better, Run, name_of, ours_first, say, warm_up};
use crate::server::Server;
use crate::setup::Pair;
use crate::statistics::percentile;
use crate::table::{Bound, Row, Table};
use crate::team::Team;

/// Running streams.
const STREAMS: u32 = 8;

/// Tokens received per stream before the prompt arrives.
const UNDER_WAY: u32 = 30;

/// Tokens per stream, enough to outlast the prefill.
const STREAM_OUTPUT: u32 = 500;

/// Words of the long prompt: some 4,000 tokens.
const LONG_WORDS: usize = 3_780;

/// Tokens of its answer.
const LONG_OUTPUT: u32 = 16;

/// Context per sequence, in tokens.
const CONTEXT: u32 = 4_608;

/// Effect of one arrival.
#[derive(Clone, Copy, Debug)]
struct Arrival {
    /// Longest gap of a stream during the prefill.
    worst_gap: Duration,
    /// Median gap before the arrival.
    usual_gap: Duration,
    /// Time to first token of the long prompt.
    ttft: Duration,
    prompt_tokens: u32,
}

/// Compares harmonic with llama-server.
pub async fn run(run: &Run) -> anyhow::Result<Table> {
    let model = run.model(run.arguments.model.as_ref(), "smollm2:135m")?;
    let setup = run.setup(model, Team::plain(), CONTEXT);
    let probe = async |server: &Server| Ok(millis(arrival(run, server).await?.worst_gap));
    let (peer, mut notes) = run.better_peer(&setup, Better::LowerGapMs, probe).await?;
    let pair = Pair::start(&setup, &peer, &run.folder).await?;
    warm_up(&pair.ours, &run.words).await?;
    warm_up(&pair.peer, &run.words).await?;
    let trials = run.arguments.trials(5);
    let mut pairs = Vec::new();
    for trial in 0..trials {
        let both = if ours_first(trial) {
            let ours = arrival(run, &pair.ours).await?;
            (ours, arrival(run, &pair.peer).await?)
        } else {
            let peer = arrival(run, &pair.peer).await?;
            (arrival(run, &pair.ours).await?, peer)
        };
        say(&format!(
            "a long prompt, trial {} of {trials}: {:?} and {:?}",
            trial + 1,
            both.0,
            both.1
        ));
        pairs.push(both);
    }
    let row = |case: &str, figure, pick: fn(&Arrival) -> Duration, bound| Row {
        case: case.to_owned(),
        figure,
        pairs: pairs.iter().map(|(ours, peer)| (millis(pick(ours)), millis(pick(peer)))).collect(),
        bound,
    };
    let rows = vec![
        row("8 streams before", "median gap, ms", |a| a.usual_gap, None),
        row(
            "8 streams meanwhile",
            "worst gap, ms",
            |a| a.worst_gap,
            Some(Bound::AtMost(1.0 / 3.0)),
        ),
        row("the long prompt", "TTFT, ms", |a| a.ttft, Some(Bound::AtMost(1.25))),
    ];
    let (ours_tokens, peer_tokens) =
        pairs.last().map_or((0, 0), |(ours, peer)| (ours.prompt_tokens, peer.prompt_tokens));
    let described = [
        format!("Tokens of the long prompt: {ours_tokens} ours, {peer_tokens} the peer."),
        format!(
            "Ours: layout {}, {} sequences of {} tokens, {} threads. Peer: `{}`.",
            name_of(pair.layout),
            setup.sequences,
            setup.context,
            setup.threads,
            peer.flags(&setup).join(" ")
        ),
    ];
    notes.splice(0..0, described);
    pair.stop().await?;
    let title = "Eight streams run when a prompt of 4,000 tokens arrives".to_owned();
    Ok(Table { title, other: "llama-server", rows, notes })
}

async fn arrival(run: &Run, server: &Server) -> anyhow::Result<Arrival> {
    let agents = server.agents();
    let mut flight = Flight::default();
    for number in 0..STREAMS as usize {
        let user = run.words.fresh(32);
        flight.launch(server, &Ask { agent: number % agents, user, output: STREAM_OUTPUT });
    }
    flight.until_each_has(UNDER_WAY).await?;
    let user = run.words.fresh(LONG_WORDS);
    flight.launch(server, &Ask { agent: 0, user, output: LONG_OUTPUT });
    let mut answers: Vec<Answer> = flight.land().await?.into_iter().flatten().collect();
    let long = answers.pop().context("the long prompt has an answer")?;
    let came = long.sent;
    let first = came + long.ttft();
    let worst_gap = answers.iter().filter_map(|answer| {
        gaps(answer).filter(|gap| gap.1 > came && gap.0 < first).map(|gap| gap.1 - gap.0).max()
    });
    let mut before: Vec<Duration> = answers
        .iter()
        .flat_map(|answer| gaps(answer).filter(|gap| gap.1 <= came).map(|gap| gap.1 - gap.0))
        .collect();
    Ok(Arrival {
        worst_gap: worst_gap.max().context("the streams ended before the long prompt came")?,
        usual_gap: percentile(&mut before, 50).unwrap_or_default(),
        ttft: long.ttft(),
        prompt_tokens: long.usage.prompt_tokens,
    })
}

/// Pairs of consecutive arrivals.
fn gaps(answer: &Answer) -> impl Iterator<Item = (Instant, Instant)> {
    answer.arrivals.windows(2).map(|pair| (pair[0], pair[1]))
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}
