//! Throughput of the simulated machine without HTTP: called through `trait Engine`, in a separate
//! process.

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
use crate::load_request::LoadRequest;
use crate::meter::Meter;
use crate::team::SLOTS;

/// Parallel callers: twice the slots, so that no slot is ever idle.
const CALLERS: u32 = 2 * SLOTS;

/// Time until the rate of completed answers is steady.
pub const WARM_UP: Duration = Duration::from_secs(5);

/// Throughput in tokens per second.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Baseline {
    /// Tokens of completed answers.
    pub completed: f64,
    /// Tokens of the same steps by the pacing law.
    pub law: f64,
}

impl Baseline {
    /// Measures for `seconds` in a child process.
    pub async fn measure(model: &str, seconds: u64) -> anyhow::Result<Self> {
        let arguments = ["--model", model, "--seconds", &seconds.to_string()].map(str::to_owned);
        Child::start(Role::Baseline, &arguments)?.report().await
    }
}

/// Measures in the child process.
pub async fn run(engine: &Local, meter: &Meter, arguments: &Arguments) -> anyhow::Result<Baseline> {
    let (tokens, over) = (Cell::new(0), Cell::new(false));
    let callers = (0..CALLERS).map(|client| call(engine, client, &tokens, &over));
    let clock = async {
        sleep(WARM_UP).await;
        let (began, before, steps_before) = (Instant::now(), tokens.get(), meter.read());
        sleep(Duration::from_secs(arguments.seconds)).await;
        let seconds = began.elapsed().as_secs_f64();
        let (steps, paced) = meter.read();
        over.set(true);
        let paced = paced.saturating_sub(steps_before.1).as_secs_f64();
        anyhow::Ok(Baseline {
            completed: (tokens.get() - before) as f64 / seconds,
            law: (steps - steps_before.0) as f64 / paced,
        })
    };
    let (baseline, _) = tokio::try_join!(clock, try_join_all(callers))?;
    Ok(baseline)
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
        let mut answer = engine.submit(LoadRequest::new(client, turn).request()).await?;
        let usage = loop {
            if let Event::Finished { usage, .. } = answer.next().await.context("it broke off")? {
                break usage;
            }
        };
        tokens.set(tokens.get() + u64::from(usage.completion_tokens));
    }
    Ok(())
}
