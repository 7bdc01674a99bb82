//! Events of streams that the gateway forwards on one thread.
//!
//! The engine is a stub that gives each stream one event a millisecond. While the thread keeps up,
//! no two events of a stream are ready together, so each is woken for, written and sent by itself,
//! which is the dearest way; once it does not, events travel together.

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
use crate::served::{Report, TICK};
use crate::table::Table;
use crate::team::AGENT;
use crate::usage::Usage;

/// Streams at once.
const STREAMS: [u32; 4] = [32, 64, 128, 512];
/// How long each number of streams is measured.
const WINDOW: Duration = Duration::from_secs(10);
/// Before that.
const WARM_UP: Duration = Duration::from_secs(1);

/// What has arrived.
#[derive(Debug, Default)]
struct Arrived {
    events: Cell<u64>,
    /// Chunks of HTTP that brought them.
    pieces: Cell<u64>,
}

/// Measures it.
pub async fn run() -> anyhow::Result<Table> {
    let mut table = Table::new("Stream events forwarded by one thread");
    for streams in STREAMS {
        eprintln!("{streams} streams");
        measure(streams, &mut table).await?;
    }
    table.note(format!(
        "The server has one HTTP thread. Each stream is given an event every {} ms by a stub of an \
         engine. An event is one chunk of `/v1/chat/completions`; events in a piece: how many \
         travelled together. Per CPU second: of the HTTP thread's own CPU time, user and kernel, \
         the loopback's work included.",
        TICK.as_millis()
    ));
    Ok(table)
}

async fn measure(streams: u32, table: &mut Table) -> anyhow::Result<()> {
    let mut server = Child::start(Role::Ticking, &["--threads", "1"].map(str::to_owned))?;
    let address = server.address().await?;
    let arrived = Arrived::default();
    let watch = async {
        sleep(WARM_UP).await;
        let (began, used, own) = (Instant::now(), server.usage()?, Usage::own()?);
        let (events, pieces) = (arrived.events.get(), arrived.pieces.get());
        sleep(WINDOW).await;
        let seconds = began.elapsed().as_secs_f64();
        let http = (server.usage()? - used).1.as_secs_f64();
        let client = (Usage::own()? - own).0.as_secs_f64();
        let events = (arrived.events.get() - events) as f64;
        let pieces = (arrived.pieces.get() - pieces) as f64;
        let case = |figure: &str| format!("{streams} streams: {figure}");
        let per_second = format!("{:.0}", events / seconds);
        table.wanted(&case("events forwarded per second"), per_second, "≥ 20000");
        let per_cpu = format!("{:.0}", events / http);
        table.row(&case("events per CPU second"), per_cpu);
        table.row(&case("events in a piece"), format!("{:.2}", events / pieces));
        let cores = format!("{:.2}, {:.2}", http / seconds, client / seconds);
        table.row(&case("cores used by the HTTP thread, the client"), cores);
        anyhow::Ok(())
    };
    let reading = try_join_all((0..streams).map(|_| read(address, &arrived)));
    tokio::select! {
        done = watch => done?,
        broken = reading => drop(broken?),
    }
    let _report: Report = server.end().await?;
    Ok(())
}

/// Reads a stream that is longer than the measurement.
async fn read(address: SocketAddr, arrived: &Arrived) -> anyhow::Result<()> {
    let body = json!({
        "model": AGENT,
        "messages": [{"role": "user", "content": "go on"}],
        "max_tokens": 1_000_000,
        "stream": true,
    });
    let mut connection = Connection::open(address).await?;
    let mut answer = connection.ask(Bytes::from(body.to_string())).await?.into_body();
    while let Some(frame) = answer.frame().await {
        if let Ok(piece) = frame?.into_data() {
            let events = piece.windows(2).filter(|two| *two == b"\n\n").count();
            arrived.events.set(arrived.events.get() + events as u64);
            arrived.pieces.set(arrived.pieces.get() + 1);
        }
    }
    anyhow::bail!("a stream ended before its time")
}
