//! One trial of one server.

use std::time::Duration;

use crate::arrivals::Arrivals;
use crate::cpu;
use crate::load::Answer;
use crate::server::Server;
use crate::statistics::percentile;

/// Result of a trial.
#[derive(Clone, Copy, Debug)]
pub struct Sample {
    /// Output tokens per second while requests were in flight.
    pub tok_s: f64,
    pub ttft_p50: Duration,
    pub ttft_p90: Duration,
    /// Mean prompt tokens per request.
    pub prompt_tokens: f64,
    /// Cached ones of these.
    pub cached_tokens: f64,
    /// CPU cores used by this client.
    pub client_cpu: f64,
    /// CPU cores used by the other server, which should be idle.
    pub idle_cpu: f64,
}

/// Runs a trial on `server` while `idle` waits.
pub async fn measure(
    server: &Server,
    idle: Option<&Server>,
    arrivals: Arrivals,
) -> anyhow::Result<Sample> {
    let cpu_of_idle = || idle.map_or(Ok(0.0), Server::cpu_seconds);
    let (client_before, idle_before) = (cpu::seconds("self")?, cpu_of_idle()?);
    let (answers, busy) = arrivals.send(server).await?;
    let seconds = busy.as_secs_f64();
    let mean = |figure: fn(&Answer) -> u32| {
        answers.iter().map(|answer| f64::from(figure(answer))).sum::<f64>() / answers.len() as f64
    };
    let mut ttfts: Vec<Duration> = answers.iter().map(Answer::ttft).collect();
    let output: f64 = answers.iter().map(|a| f64::from(a.usage.completion_tokens)).sum();
    Ok(Sample {
        tok_s: output / seconds,
        ttft_p50: percentile(&mut ttfts, 50).unwrap_or_default(),
        ttft_p90: percentile(&mut ttfts, 90).unwrap_or_default(),
        prompt_tokens: mean(|answer| answer.usage.prompt_tokens),
        cached_tokens: mean(Answer::cached),
        client_cpu: (cpu::seconds("self")? - client_before) / seconds,
        idle_cpu: (cpu_of_idle()? - idle_before) / seconds,
    })
}
