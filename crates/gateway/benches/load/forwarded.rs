//! Rate of stream events that the gateway forwards on one thread.
//!
//! The engine is a stub that emits one event per stream and millisecond. While the thread keeps up,
//! every event has a wake-up, an encoding and a write of its own, the most expensive case; beyond
//! that, events are sent together.

use std::cell::Cell;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use futures::future::try_join_all;
use http_body_util::BodyExt;
use serde_json::json;
use tokio::time::{Instant, sleep};

use crate::arguments::Role;
use crate::child::Child;
use crate::connection::Connection;
use crate::server_process::{Report, TICK};
use crate::table::Table;
use crate::team::AGENT;
use crate::usage::Usage;

/// Numbers of parallel streams.
const STREAMS: [u32; 4] = [32, 64, 128, 512];
/// Duration of each measurement.
const WINDOW: Duration = Duration::from_secs(10);
/// Warm-up before each measurement.
const WARM_UP: Duration = Duration::from_secs(1);

/// Counts at the client.
#[derive(Debug, Default)]
struct Received {
    events: Cell<u64>,
    /// HTTP chunks with these events.
    chunks: Cell<u64>,
}

/// Measures all numbers of streams.
pub async fn run() -> anyhow::Result<Table> {
    let mut table = Table::new("Stream events forwarded by one thread");
    for streams in STREAMS {
        eprintln!("{streams} streams");
        measure(streams, &mut table).await?;
    }
    table.note(format!(
        "The server has one HTTP thread. Each stream is given an event every {} ms by a stub of an \
         engine. An event is one chunk of `/v1/chat/completions`; events in a chunk: how many \
         travelled together. Per CPU second: of the HTTP thread's own CPU time, user and kernel, \
         the loopback's work included.",
        TICK.as_millis()
    ));
    Ok(table)
}

async fn measure(streams: u32, table: &mut Table) -> anyhow::Result<()> {
    let mut server = Child::start(Role::Ticking, &["--threads", "1"].map(str::to_owned))?;
    let address = server.address().await?;
    let received = Received::default();
    let watch = async {
        sleep(WARM_UP).await;
        let (began, used, own) = (Instant::now(), server.usage()?, Usage::own()?);
        let (events, chunks) = (received.events.get(), received.chunks.get());
        sleep(WINDOW).await;
        let seconds = began.elapsed().as_secs_f64();
        let http = (server.usage()? - used).1.as_secs_f64();
        let client = (Usage::own()? - own).0.as_secs_f64();
        let events = (received.events.get() - events) as f64;
        let chunks = (received.chunks.get() - chunks) as f64;
        let case = |figure: &str| format!("{streams} streams: {figure}");
        let per_second = format!("{:.0}", events / seconds);
        table.wanted(&case("events forwarded per second"), per_second, "≥ 20000");
        let per_cpu = format!("{:.0}", events / http);
        table.row(&case("events per CPU second"), per_cpu);
        table.row(&case("events in a piece"), format!("{:.2}", events / chunks));
        let cores = format!("{:.2}, {:.2}", http / seconds, client / seconds);
        table.row(&case("cores used by the HTTP thread, the client"), cores);
        anyhow::Ok(())
    };
    let reading = try_join_all((0..streams).map(|_| read(address, &received)));
    tokio::select! {
        done = watch => done?,
        broken = reading => drop(broken?),
    }
    let _report: Report = server.end().await?;
    Ok(())
}

/// Reads a stream that outlasts the measurement.
async fn read(address: SocketAddr, received: &Received) -> anyhow::Result<()> {
    let body = json!({
        "model": AGENT,
        "messages": [{"role": "user", "content": "go on"}],
        "max_tokens": 1_000_000,
        "stream": true,
    });
    let mut connection = Connection::open(address).await?;
    let mut answer = connection.ask(Bytes::from(body.to_string())).await?.into_body();
    while let Some(frame) = answer.frame().await {
        if let Ok(chunk) = frame?.into_data() {
            let events = chunk.windows(2).filter(|two| *two == b"\n\n").count();
            received.events.set(received.events.get() + events as u64);
            received.chunks.set(received.chunks.get() + 1);
        }
    }
    anyhow::bail!("a stream ended too early")
}
