//! Latency that the gateway adds to a request that does not queue: HTTP against a call of the
//! engine.
//!
//! The engine answers at once, so it adds nothing to the figures.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, ensure};
use futures::future::try_join_all;
use harmonic_engine::Engine;
use harmonic_types::Event;
use tokio::time::{Instant, sleep};

use crate::arguments::Role;
use crate::child::Child;
use crate::connection::Connection;
use crate::counting_engine::CountingEngine;
use crate::load_request::LoadRequest;
use crate::outcome::Outcome;
use crate::server_process::Report;
use crate::stub::Stub;
use crate::table::Table;

/// Measured requests.
const REQUESTS: u32 = 20_000;
/// Requests before the measurement.
const WARM_UP: u32 = 2_000;
/// Connections in parallel.
const CONNECTIONS: u32 = 32;
/// Mean pause of a connection between two requests; pauses are uniform up to twice this time.
const PAUSE: Duration = Duration::from_millis(50);

/// Measures the added latency.
pub async fn run() -> anyhow::Result<Table> {
    eprintln!("requests that do not queue");
    let mut direct = Vec::new();
    let engine = CountingEngine::new(Stub::Instant);
    for turn in 0..WARM_UP + REQUESTS {
        direct.push(call(&engine, turn).await?);
    }
    let mut server = Child::start(Role::Instant, &[])?;
    let address = server.address().await?;
    let mut sequential = ask(address, 0, WARM_UP + REQUESTS, None).await?;
    let each = REQUESTS / 4 / CONNECTIONS;
    let parallel = (0..CONNECTIONS).map(|client| ask(address, client, each, Some(PAUSE)));
    let parallel: Vec<Duration> = try_join_all(parallel).await?.concat();
    let asked = u64::from(WARM_UP + REQUESTS + each * CONNECTIONS);
    let report: Report = server.end().await?;
    ensure!(report.counts.admitted == asked, "{asked} requests, and the server: {report:?}");

    let mut table = Table::new("What the gateway adds to a request that does not queue");
    let direct = percentiles(direct.split_off(WARM_UP as usize));
    let sequential = percentiles(sequential.split_off(WARM_UP as usize));
    let parallel = percentiles(parallel);
    for (case, seen) in [("one after the other", sequential), ("32 connections, 640/s", parallel)] {
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

/// Duration of one direct call, to the last event.
async fn call(engine: &CountingEngine, turn: u32) -> anyhow::Result<Duration> {
    let request = LoadRequest::new(0, turn).request();
    let began = Instant::now();
    let mut answer = engine.submit(request).await?;
    while !matches!(answer.next().await.context("it broke off")?, Event::Finished { .. }) {}
    Ok(began.elapsed())
}

/// Durations of `requests` on one connection, to the last byte.
async fn ask(
    address: SocketAddr,
    client: u32,
    requests: u32,
    pause: Option<Duration>,
) -> anyhow::Result<Vec<Duration>> {
    let mut connection = Connection::open(address).await?;
    let mut draw = fastrand::Rng::with_seed(client.into());
    let mut times = Vec::with_capacity(requests as usize);
    for turn in 0..requests {
        if let Some(pause) = pause {
            sleep(pause.mul_f64(2.0 * draw.f64())).await;
        }
        let request_spec = LoadRequest::new(client, turn);
        let body = request_spec.body();
        let began = Instant::now();
        let answer = Outcome::read(connection.ask(body).await?).await?;
        times.push(began.elapsed());
        ensure!(answer == Outcome::Complete { tokens: request_spec.tokens.into() }, "{answer:?}");
    }
    connection.close().await;
    Ok(times)
}

/// The 50th and the 99th percentile, by nearest rank.
fn percentiles(mut times: Vec<Duration>) -> [Duration; 2] {
    times.sort_unstable();
    [50, 99].map(|percent| {
        let rank = (times.len() * percent).div_ceil(100).max(1);
        times.get(rank - 1).copied().unwrap_or_default()
    })
}
