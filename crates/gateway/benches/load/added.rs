//! What the gateway adds to a request that does not queue: HTTP beside a call of the engine.
//!
//! The engine answers at once, so nothing of what is measured is its own.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, ensure};
use futures::future::try_join_all;
use harmonic_engine::Engine;
use harmonic_types::Event;
use tokio::time::{Instant, sleep};

use crate::answer::Answer;
use crate::arguments::Role;
use crate::child::Child;
use crate::connection::Connection;
use crate::counted::Counted;
use crate::question::Question;
use crate::served::Report;
use crate::stub::Stub;
use crate::table::Table;

/// Requests that are measured.
const REQUESTS: u32 = 20_000;
/// Requests before them.
const WARM_UP: u32 = 2_000;
/// Connections that ask beside each other.
const COMPANY: u32 = 32;
/// Each of them rests for up to twice this time between two requests.
const REST: Duration = Duration::from_millis(50);

/// Measures it.
pub async fn run() -> anyhow::Result<Table> {
    eprintln!("requests that do not queue");
    let mut direct = Vec::new();
    let engine = Counted::new(Stub::Instant);
    for turn in 0..WARM_UP + REQUESTS {
        direct.push(call(&engine, turn).await?);
    }
    let mut server = Child::start(Role::Instant, &[])?;
    let address = server.address().await?;
    let mut alone = ask(address, 0, WARM_UP + REQUESTS, None).await?;
    let each = REQUESTS / 4 / COMPANY;
    let company = (0..COMPANY).map(|client| ask(address, client, each, Some(REST)));
    let company: Vec<Duration> = try_join_all(company).await?.concat();
    let asked = u64::from(WARM_UP + REQUESTS + each * COMPANY);
    let report: Report = server.end().await?;
    ensure!(report.counts.granted == asked, "{asked} requests, and the server: {report:?}");

    let mut table = Table::new("What the gateway adds to a request that does not queue");
    let direct = percentiles(direct.split_off(WARM_UP as usize));
    let alone = percentiles(alone.split_off(WARM_UP as usize));
    let company = percentiles(company);
    for (case, seen) in [("one after the other", alone), ("32 connections, 640/s", company)] {
        for (index, percent) in ["p50", "p99"].into_iter().enumerate() {
            let milliseconds = |time: Duration| format!("{:.3}", time.as_secs_f64() * 1e3);
            table.row(&format!("{case}: over HTTP, {percent}, ms"), milliseconds(seen[index]));
            let added = milliseconds(seen[index].saturating_sub(direct[index]));
            let wanted = if index == 1 { "< 1" } else { "" };
            table.wanted(&format!("{case}: added, {percent}, ms"), added, wanted);
        }
    }
    table.row(
        "the engine called directly, p50, µs",
        format!("{:.1}", direct[0].as_secs_f64() * 1e6),
    );
    table.row(
        "the engine called directly, p99, µs",
        format!("{:.1}", direct[1].as_secs_f64() * 1e6),
    );
    table.note(
        "From the request's first byte to the answer's last, a streamed answer of 50 to 150 \
         tokens; the engine is a stub that has all its events at once. Added is HTTP less the \
         direct call, percentile by percentile; client and server are two processes, so the \
         client's own work is in it.",
    );
    Ok(table)
}

/// How long one direct call takes, to the last event.
async fn call(engine: &Counted, turn: u32) -> anyhow::Result<Duration> {
    let request = Question::new(0, turn).request();
    let began = Instant::now();
    let mut answer = engine.submit(request).await?;
    while !matches!(answer.next().await.context("it broke off")?, Event::Finished { .. }) {}
    Ok(began.elapsed())
}

/// How long each of `requests` on one connection takes, to the last byte.
async fn ask(
    address: SocketAddr,
    client: u32,
    requests: u32,
    rest: Option<Duration>,
) -> anyhow::Result<Vec<Duration>> {
    let mut connection = Connection::open(address).await?;
    let mut draw = fastrand::Rng::with_seed(client.into());
    let mut times = Vec::with_capacity(requests as usize);
    for turn in 0..requests {
        if let Some(rest) = rest {
            sleep(rest.mul_f64(2.0 * draw.f64())).await;
        }
        let question = Question::new(client, turn);
        let body = question.body();
        let began = Instant::now();
        let answer = Answer::read(connection.ask(body).await?).await?;
        times.push(began.elapsed());
        ensure!(answer == Answer::Whole { tokens: question.tokens.into() }, "{answer:?}");
    }
    connection.close().await;
    Ok(times)
}

/// The 50th and the 99th, by nearest rank.
fn percentiles(mut times: Vec<Duration>) -> [Duration; 2] {
    times.sort_unstable();
    [50, 99].map(|percent| {
        let rank = (times.len() * percent).div_ceil(100).max(1);
        times.get(rank - 1).copied().unwrap_or_default()
    })
}
