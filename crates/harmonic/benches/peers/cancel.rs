//! Cancellation of every second of 32 streams: cost of a step afterwards, compared with 16 streams
//! that ran alone from the start.

use std::time::Duration;

use crate::load::{Answer, Ask, Flight};
use crate::ours;
use crate::run::{Run, name_of, ours_first, say, warm_up};
use crate::server::Server;
use crate::statistics::percentile;
use crate::table::{Bound, Row, Table};
use crate::team::Team;

/// Remaining streams.
const SURVIVORS: u32 = 16;

/// Tokens received per stream before the cancellation.
const CANCEL_AT: u32 = 30;

/// First token whose gap counts, after the engine has settled.
const SETTLED: usize = 60;

/// Tokens per answer.
const OUTPUT: u32 = 200;

/// Context per sequence, in tokens.
const CONTEXT: u32 = 512;

/// Compares harmonic with itself.
pub async fn run(run: &Run) -> anyhow::Result<Table> {
    let model = run.model(run.arguments.model.as_ref(), "smollm2:135m")?;
    let setup = run.setup(model, Team::plain(), CONTEXT);
    let (server, layout) = ours::start(&setup, &run.folder).await?;
    warm_up(&server, &run.words).await?;
    let trials = run.arguments.trials(5);
    let mut pairs = Vec::new();
    for trial in 0..trials {
        let both = if ours_first(trial) {
            let thinned = step(run, &server, 2 * SURVIVORS).await?;
            (thinned, step(run, &server, SURVIVORS).await?)
        } else {
            let contiguous = step(run, &server, SURVIVORS).await?;
            (step(run, &server, 2 * SURVIVORS).await?, contiguous)
        };
        say(&format!(
            "every second cancelled, trial {} of {trials}: {:.1} and {:.1} ms a step",
            trial + 1,
            both.0,
            both.1
        ));
        pairs.push(both);
    }
    server.stop().await?;
    let rows = vec![Row {
        case: "16 of 32 remain".to_owned(),
        figure: "median gap, ms",
        pairs,
        bound: Some(Bound::AtMost(1.3)),
    }];
    let notes = vec![format!(
        "Layout {}. The gaps are those after token {SETTLED} of {OUTPUT}; the others were cancelled \
         when each stream had {CANCEL_AT}.",
        name_of(layout)
    )];
    let title = "Every second of 32 streams is cancelled".to_owned();
    Ok(Table { title, other: "16 alone", rows, notes })
}

/// Median gap of the remaining streams in milliseconds, with every second of `streams` cancelled,
/// or with 16 streams alone.
async fn step(run: &Run, server: &Server, streams: u32) -> anyhow::Result<f64> {
    let agents = server.agents();
    let mut flight = Flight::default();
    for number in 0..streams as usize {
        let user = run.words.fresh(32);
        flight.launch(server, &Ask { agent: number % agents, user, output: OUTPUT });
        // Sequentially, so that the order of arrival is that of launch.
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    flight.until_each_has(CANCEL_AT).await?;
    if streams > SURVIVORS {
        for number in (1..streams as usize).step_by(2) {
            flight.cancel(number);
        }
    }
    let answers: Vec<Answer> = flight.land().await?.into_iter().flatten().collect();
    let settled = answers.iter().flat_map(|answer| answer.arrivals.windows(2).skip(SETTLED));
    let mut gaps: Vec<Duration> = settled.map(|pair| pair[1] - pair[0]).collect();
    Ok(percentile(&mut gaps, 50).unwrap_or_default().as_secs_f64() * 1e3)
}
