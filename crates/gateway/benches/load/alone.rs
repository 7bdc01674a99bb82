//! What the simulated machine can do with nothing before it: asked through `trait Engine`, in a
//! process of its own.

use std::cell::Cell;
use std::time::Duration;

use anyhow::Context;
use futures::future::try_join_all;
use harmonic_engine::{Engine, Local};
use harmonic_types::Event;
use serde::{Deserialize, Serialize};
use tokio::time::{Instant, sleep};

use crate::arguments::{Arguments, Role};
use crate::child::Child;
use crate::meter::Meter;
use crate::question::Question;
use crate::team::SLOTS;

/// Twice the slots: none waits for the next caller.
const CALLERS: u32 = 2 * SLOTS;

/// Time until answers end as often as they do later.
pub const WARM_UP: Duration = Duration::from_secs(5);

/// Tokens per second.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Alone {
    /// Of answers that were complete.
    pub completed: f64,
    /// That the pacing law gives the same steps.
    pub law: f64,
}

impl Alone {
    /// Measures it for `seconds` in another process.
    pub async fn measure(model: &str, seconds: u64) -> anyhow::Result<Self> {
        let arguments = ["--model", model, "--seconds", &seconds.to_string()].map(str::to_owned);
        Child::start(Role::Alone, &arguments)?.report().await
    }
}

/// The other process: prints an [`Alone`].
pub async fn run(engine: &Local, meter: &Meter, arguments: &Arguments) -> anyhow::Result<Alone> {
    let (tokens, over) = (Cell::new(0), Cell::new(false));
    let callers = (0..CALLERS).map(|client| call(engine, client, &tokens, &over));
    let clock = async {
        sleep(WARM_UP).await;
        let (began, before, metered) = (Instant::now(), tokens.get(), meter.read());
        sleep(Duration::from_secs(arguments.seconds)).await;
        let seconds = began.elapsed().as_secs_f64();
        let (steps, pretended) = meter.read();
        over.set(true);
        let pretended = pretended.saturating_sub(metered.1).as_secs_f64();
        anyhow::Ok(Alone {
            completed: (tokens.get() - before) as f64 / seconds,
            law: (steps - metered.0) as f64 / pretended,
        })
    };
    let (alone, _) = tokio::try_join!(clock, try_join_all(callers))?;
    Ok(alone)
}

async fn call(
    engine: &Local,
    client: u32,
    tokens: &Cell<u64>,
    over: &Cell<bool>,
) -> anyhow::Result<()> {
    for turn in 0.. {
        if over.get() {
            break;
        }
        let mut answer = engine.submit(Question::new(client, turn).request()).await?;
        let usage = loop {
            if let Event::Finished { usage, .. } = answer.next().await.context("it broke off")? {
                break usage;
            }
        };
        tokens.set(tokens.get() + u64::from(usage.completion_tokens));
    }
    Ok(())
}
