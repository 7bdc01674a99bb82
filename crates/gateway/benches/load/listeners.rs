//! Cost of listeners of the event stream, against none.
//!
//! A closed loop of a few more connections than slots keeps the simulated machine busy. Windows
//! without listeners and with ten alternate, so that drift affects both.

use std::cell::Cell;
use std::net::SocketAddr;
use std::time::Duration;

use futures::StreamExt;
use futures::future::{join_all, try_join_all};
use harmonic_api::{Client, TeamUpdate};
use harmonic_events::{EventStream, TeamEvent};
use harmonic_types::RequestId;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use crate::arguments::{Arguments, Role};
use crate::baseline::WARM_UP;
use crate::child::Child;
use crate::connection::Connection;
use crate::load_request::LoadRequest;
use crate::outcome::Outcome;
use crate::server_process::Report;
use crate::table::Table;
use crate::team::SLOTS;

/// Parallel listeners.
const LISTENERS: usize = 10;
/// Pairs of windows.
const PAIRS: u32 = 6;
/// Published events of the measurement of one publication.
const PUBLISHED: u32 = 1_000_000;

/// Sums over the windows of one kind.
#[derive(Debug, Default)]
struct Windows {
    seconds: f64,
    cpu: Duration,
    tokens: u64,
}

/// Measures the scenario.
pub async fn run(arguments: &Arguments) -> anyhow::Result<Table> {
    eprintln!("listeners of the event stream");
    let publish = publish();
    let mut server = Child::start(Role::Paced, &["--model".to_owned(), arguments.model.clone()])?;
    let address = server.address().await?;
    let (over, tokens, events) = (CancellationToken::new(), Cell::new(0), Cell::new(0));
    let clients = (0..SLOTS + SLOTS / 2).map(|number| client(address, number, &tokens, &over));
    let length = Duration::from_secs((arguments.seconds / u64::from(2 * PAIRS)).max(1));
    let measured = async {
        let _over = over.clone().drop_guard();
        sleep(WARM_UP).await;
        let mut windows = [Windows::default(), Windows::default()];
        for turn in 0..2 * PAIRS {
            // None, ten, ten, none, none …
            let listened = matches!(turn % 4, 1 | 2);
            let ended = CancellationToken::new();
            let listeners =
                (0..if listened { LISTENERS } else { 0 }).map(|_| listen(address, &events, &ended));
            let window = async {
                let _ended = ended.clone().drop_guard();
                let (began, used, before) = (Instant::now(), server.usage()?, tokens.get());
                sleep(length).await;
                let window = &mut windows[usize::from(listened)];
                window.seconds += began.elapsed().as_secs_f64();
                window.cpu += (server.usage()? - used).0;
                window.tokens += tokens.get() - before;
                anyhow::Ok(())
            };
            let (seen, _) = tokio::join!(window, join_all(listeners));
            seen?;
        }
        anyhow::Ok(windows)
    };
    let (windows, _) = tokio::try_join!(measured, try_join_all(clients))?;
    let _: Report = server.end().await?;
    Ok(table(arguments, &windows, events.get(), publish))
}

/// Time to publish an event without listeners.
fn publish() -> Duration {
    let stream = EventStream::default();
    let began = Instant::now();
    for id in 0..PUBLISHED {
        let request = RequestId(id.into());
        stream.publish(TeamEvent::FirstToken { engine: "load".to_owned(), request });
    }
    began.elapsed() / PUBLISHED
}

async fn client(
    address: SocketAddr,
    number: u32,
    tokens: &Cell<u64>,
    over: &CancellationToken,
) -> anyhow::Result<()> {
    let mut connection = Connection::open(address).await?;
    let mut turn = 0;
    while !over.is_cancelled() {
        let request = LoadRequest::new(number, turn);
        turn += 1;
        if let Outcome::Complete { tokens: more } =
            Outcome::read(connection.ask(request.body()).await?).await?
        {
            tokens.set(tokens.get() + more);
        }
    }
    connection.close().await;
    Ok(())
}

/// Reads events until `ended`, and counts them in `seen`.
async fn listen(
    address: SocketAddr,
    seen: &Cell<u64>,
    ended: &CancellationToken,
) -> anyhow::Result<()> {
    let mut events = Client::new(&format!("http://{address}"))?.events(None).await?;
    while let Some(Some(update)) = ended.run_until_cancelled(events.next()).await {
        seen.set(seen.get() + u64::from(matches!(update?, TeamUpdate::Event(_))));
    }
    Ok(())
}

fn table(arguments: &Arguments, windows: &[Windows; 2], events: u64, publish: Duration) -> Table {
    let mut table = Table::new(format!("{LISTENERS} listeners of the event stream, and none"));
    let [none, ten] = windows;
    let cores = |windows: &Windows| windows.cpu.as_secs_f64() / windows.seconds;
    let rate = |windows: &Windows| windows.tokens as f64 / windows.seconds;
    let each = events as f64 / ten.seconds / LISTENERS as f64;
    table.row("events for each listener, 1/s", format!("{each:.0}"));
    table.row("cores used by the server without listeners", format!("{:.4}", cores(none)));
    table.row(&format!("… with {LISTENERS}"), format!("{:.4}", cores(ten)));
    let more = 100.0 * (cores(ten) - cores(none));
    table.wanted(&format!("{LISTENERS} listeners, of a core"), format!("{more:.2}%"), "< 1%");
    table.row("completed without listeners, tok/s", format!("{:.0}", rate(none)));
    table.row(&format!("… with {LISTENERS}"), format!("{:.0}", rate(ten)));
    table.row(
        "to publish an event without listeners, µs",
        format!("{:.2}", publish.as_secs_f64() * 1e6),
    );
    let share = 100.0 * publish.as_secs_f64() * each;
    table.row("all events without listeners, of a core", format!("{share:.4}%"));
    table.note(format!(
        "{} connections in a closed loop over {SLOTS} slots of {} at the pace of a DGX Spark; {PAIRS} \
         pairs of windows in turns, {:.0} s in all. CPU time is that of the whole server, engine and \
         HTTP, in steps of 10 ms.",
        SLOTS + SLOTS / 2,
        arguments.model,
        none.seconds + ten.seconds,
    ));
    table
}
