//! Saturation: many more connections than slots, in a closed loop, on the simulated machine at real
//! pace.
//!
//! A rejected client retries after the `retry-after` time and a random addition of up to half of
//! it.

use std::cell::Cell;
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::ensure;
use futures::future::try_join_all;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::arguments::{Arguments, Role};
use crate::baseline::{Baseline, WARM_UP};
use crate::child::Child;
use crate::client_counts::ClientCounts;
use crate::connection::Connection;
use crate::load_request::LoadRequest;
use crate::outcome::Outcome;
use crate::server_process::Report;
use crate::table::Table;
use crate::team::{QUEUE, SLOTS};
use crate::usage::Usage;

/// The baseline is measured before and after, each for one part in so many of the time.
const BASELINE_PART: u64 = 4;

/// Figures of the measurement window, after the warm-up.
struct Window {
    seconds: f64,
    tokens: u64,
    server_cpu: Duration,
    http_cpu: Duration,
    client_cpu: Duration,
    /// Resident memory of the server in bytes, each second from the window's start.
    rss: Vec<u64>,
}

/// Measures the scenario.
pub async fn run(arguments: &Arguments) -> anyhow::Result<Table> {
    let baseline_seconds = (arguments.seconds / BASELINE_PART).max(1);
    eprintln!("the machine alone");
    let before = Baseline::measure(&arguments.model, baseline_seconds).await?;
    eprintln!("{} connections", arguments.connections);
    let options =
        ["--model", &arguments.model, "--connections", &arguments.connections.to_string()];
    let mut server = Child::start(Role::Paced, &options.map(str::to_owned))?;
    let address = server.address().await?;
    let start = server.usage()?.rss;
    let client_counts = ClientCounts::default();
    let window = load(arguments, &server, address, &client_counts).await?;
    let end = server.usage()?.rss;
    let report: Report = server.end().await?;
    eprintln!("the machine alone, again");
    let after = Baseline::measure(&arguments.model, baseline_seconds).await?;
    Ok(table(arguments, [before, after], &window, &client_counts, report, (start, end)))
}

async fn load(
    arguments: &Arguments,
    server: &Child,
    address: SocketAddr,
    client_counts: &ClientCounts,
) -> anyhow::Result<Window> {
    let over = CancellationToken::new();
    let clients =
        (0..arguments.connections).map(|number| client(address, number, client_counts, &over));
    let watch = async {
        // Ends the clients also after an error.
        let _over = over.clone().drop_guard();
        sleep(WARM_UP).await;
        let (began, tokens) = (Instant::now(), client_counts.tokens.get());
        let (used, own) = (server.usage()?, Usage::own()?);
        let mut rss = vec![used.rss];
        for _ in 0..arguments.seconds {
            sleep(Duration::from_secs(1)).await;
            rss.push(server.usage()?.rss);
        }
        let (server_cpu, http_cpu) = server.usage()? - used;
        anyhow::Ok(Window {
            seconds: began.elapsed().as_secs_f64(),
            tokens: client_counts.tokens.get() - tokens,
            server_cpu,
            http_cpu,
            client_cpu: (Usage::own()? - own).0,
            rss,
        })
    };
    let (window, _) = tokio::try_join!(watch, try_join_all(clients))?;
    Ok(window)
}

/// Sends a request, reads the whole answer, and repeats.
async fn client(
    address: SocketAddr,
    number: u32,
    client_counts: &ClientCounts,
    over: &CancellationToken,
) -> anyhow::Result<()> {
    let mut connection = Connection::open(address).await?;
    let mut draw = fastrand::Rng::with_seed(number.into());
    let turn = Cell::new(0);
    while !over.is_cancelled() {
        let request_spec = LoadRequest::new(number, turn.replace(turn.get() + 1));
        client_counts.add_request();
        let outcome = Outcome::read(connection.ask(request_spec.body()).await?).await?;
        client_counts.add_outcome(outcome);
        match outcome {
            Outcome::Complete { tokens } => {
                ensure!(
                    tokens == u64::from(request_spec.tokens),
                    "{tokens} tokens to {request_spec:?}"
                );
            }
            Outcome::Rejected { retry_after, .. } => {
                let pause = Duration::from_secs(retry_after).mul_f64(1.0 + draw.f64() / 2.0);
                // Ends early when the measurement is over.
                let _over = timeout(pause, over.cancelled()).await;
            }
        }
    }
    connection.close().await;
    Ok(())
}

fn table(
    arguments: &Arguments,
    baselines: [Baseline; 2],
    window: &Window,
    client_counts: &ClientCounts,
    report: Report,
    (start, end): (u64, u64),
) -> Table {
    let mut table = Table::new(format!(
        "{} connections over {SLOTS} slots, {}",
        arguments.connections, arguments.model
    ));
    let mean = |figure: fn(&Baseline) -> f64| baselines.iter().map(figure).sum::<f64>() / 2.0;
    let (machine, law) = (mean(|baseline| baseline.completed), mean(|baseline| baseline.law));
    let completed = window.tokens as f64 / window.seconds;
    table.row("the machine alone, by its pacing law, tok/s", format!("{law:.0}"));
    let [before, after] = baselines.map(|baseline| baseline.completed);
    let both = format!("{machine:.0} ({before:.0}, {after:.0})");
    table.row("the machine alone, measured, tok/s (before, after)", both);
    table.row("completed over HTTP, tok/s", format!("{completed:.0}"));
    let share = |of: f64| format!("{:.1}%", 100.0 * completed / of);
    table.wanted("of the machine alone", share(machine), "≥ 95%");
    table.row("of its pacing law", share(law));
    let [sent, completed_requests, rejected, premature] = [
        &client_counts.sent,
        &client_counts.completed,
        &client_counts.rejected,
        &client_counts.premature,
    ]
    .map(Cell::get);
    table.row("requests sent", sent.to_string());
    table.wanted(
        "answered whole + 429, by the clients",
        format!("{completed_requests} + {rejected}"),
        "all",
    );
    let counts = report.counts;
    let counted = format!("{} + {}", counts.admitted, counts.rejected);
    table.wanted("granted + refused, by the engine", counted, "the same");
    table.wanted("429 of a queue that was not full", premature.to_string(), "0");
    table.wanted("slots in use and requests waiting at the end", report.left.to_string(), "0");
    let mb = |bytes: u64| format!("{:.1}", bytes as f64 / 1e6);
    let mean = |samples: &[u64]| samples.iter().sum::<u64>() / samples.len().max(1) as u64;
    let quarter = window.rss.len().div_ceil(4);
    table.row("server's memory before the first connection, MB", mb(start));
    table.row("… in the first quarter", mb(mean(&window.rss[..quarter])));
    let last = mean(&window.rss[window.rss.len() - quarter..]);
    table.wanted("… in the last quarter", mb(last), "flat");
    table.row("… after the last answer", mb(end));
    let cores = |time: Duration| format!("{:.2}", time.as_secs_f64() / window.seconds);
    let [server, http, client] = [window.server_cpu, window.http_cpu, window.client_cpu].map(cores);
    table.row(
        "cores used by the server, its HTTP threads, the client",
        format!("{server}, {http}, {client}"),
    );
    table.note(format!(
        "{} connections that stay open, {SLOTS} slots and a queue of {QUEUE} for one agent; {} at \
         the pace of a DGX Spark; answers of 50 to 150 tokens, all streamed; {} s after {} s of \
         warm-up.",
        arguments.connections,
        arguments.model,
        arguments.seconds,
        WARM_UP.as_secs()
    ));
    table.note(
        "Tokens are the server's usage, counted by the client when an answer is complete. The \
         machine alone is asked through `trait Engine` by 64 callers, so that no slot is ever \
         empty. Its pacing law gives the same steps the time that they pretend to take.",
    );
    table
}
