//! Measurement of a server: targets, telemetry, settings, and the files of a run.
//!
//! Owns: the session with a server (`session`), the agents under load (`targets`), the identity of
//! its models (`identity`), the runs of a team (`runs`), the machine it runs on (`environment`) and the processes that are part of
//! the measurement (`own_processes`), the settings of a run
//! (`protocol`), the run itself ([`run`], [`ab_compare`], [`quick`]) and its files ([`save`],
//! [`records`]).
//!
//! Does not do: load and statistics (`harmonic-bench`), layout of a record (`harmonic-report`).

mod environment;
mod identity;
mod own_processes;
mod protocol;
pub mod records;
mod runs;
pub mod save;
mod session;
pub(crate) mod targets;

use harmonic_api::Client;
use harmonic_bench::{BenchConfig, HttpTarget, LevelRatio, Levels, RunTarget};
use harmonic_types::{AgentName, BenchRun, Finding, Plan, Slo, counted};
use tokio_util::sync::CancellationToken;

pub use harmonic_bench::Protocol;

use crate::error::{AppError, Result};
use crate::event::{EventAdapter, Observer};
use crate::inspect::{self, ENGINE_DEVICE};
use crate::settings::Settings;

pub use session::{Session, running};

/// Targets and settings of a measurement.
#[derive(Clone, Debug)]
pub struct BenchRequest {
    /// Agents under load; empty for all.
    pub agents: Vec<AgentName>,
    /// One load over all engines, with each agent weighted by its slots, instead of one engine
    /// after the other.
    pub whole_team: bool,
    /// Load pattern and its defaults.
    pub protocol: Protocol,
    /// Numbers of parallel streams; `None` for the protocol's.
    pub levels: Option<Levels>,
    /// Arrival rates of an open loop, in requests per second.
    pub rates: Vec<f64>,
    /// Measurement windows at each level; `None` for the protocol's.
    pub trials: Option<u32>,
    /// Tokens of each prompt; `None` for the protocol's.
    pub prompt_tokens: Option<u32>,
    /// Tokens of each answer; `None` for the protocol's.
    pub output_tokens: Option<u32>,
    /// Service level objective of an answer.
    pub slo: Slo,
    /// Seed of the prompts, the order of levels and the arrivals.
    pub seed: u64,
    /// Whether this machine's memory bandwidth and prefill rate are measured, for the roof.
    pub probe: bool,
    /// Recipe of the runs to keep going, in place of requests to agents.
    pub recipe: Option<String>,
}

/// Two servers measured in alternation.
#[derive(Clone, Debug)]
pub struct AbComparison {
    /// Record of the first server.
    pub first: BenchRun,
    /// Record of the second server.
    pub second: BenchRun,
    /// Throughput of the first divided by that of the second, for each level.
    pub ratios: Vec<LevelRatio>,
}

impl AbComparison {
    /// Warnings of both records, each once: those that differ have the servers' addresses.
    pub fn warnings(&self) -> Vec<Finding> {
        let (first, second) = (&self.first, &self.second);
        let same = |one: &Finding, all: &[Finding]| all.iter().any(|other| other == one);
        let of_one = |run: &BenchRun, warning: &Finding| Finding {
            message: format!("{}: {}", run.target, warning.message),
            ..warning.clone()
        };
        let shared = first.warnings.iter().filter(|one| same(one, &second.warnings)).cloned();
        let firsts = first.warnings.iter().filter(|one| !same(one, &second.warnings));
        let seconds = second.warnings.iter().filter(|one| !same(one, &first.warnings));
        shared
            .chain(firsts.map(|warning| of_one(first, warning)))
            .chain(seconds.map(|warning| of_one(second, warning)))
            .collect()
    }
}

/// Measures the server of `session`. A cancelled `stop` ends it with the levels measured so far.
///
/// # Errors
/// When no level can be measured.
pub async fn run(
    request: &BenchRequest,
    session: &Session,
    settings: &Settings,
    observer: &dyn Observer,
    stop: &CancellationToken,
) -> Result<BenchRun> {
    let environment = session.environment();
    let config = protocol::config(request, session, &environment, settings, observer);
    let config = stop.run_until_cancelled(config).await.ok_or_else(AppError::stopped)??;
    // After the probe: the run begins now.
    let config = BenchConfig { began_unix_ms: environment::now_unix_ms(), ..config };
    let (telemetry, observer) = (&environment.telemetry, &EventAdapter(observer));
    let Some(recipe) = &request.recipe else {
        let target = session.target();
        return Ok(harmonic_bench::run(&target, &config, telemetry, observer, stop).await?);
    };
    let target = RunTarget::new(session.client.clone(), recipe);
    let run = harmonic_bench::run(&target, &config, telemetry, observer, stop).await;
    target.settle().await;
    Ok(run?)
}

/// Measures the servers of two sessions in alternation.
///
/// # Errors
/// When a session has more than one model under load, or no level can be measured.
pub async fn ab_compare(
    request: &BenchRequest,
    sessions: [&Session; 2],
    settings: &Settings,
    observer: &dyn Observer,
    stop: &CancellationToken,
) -> Result<AbComparison> {
    for session in sessions {
        if session.targets.len() != 1 {
            let (url, count) = (session.client.base_url(), session.targets.len());
            let what = format!("{url} serves {}", counted(count, "model"));
            return Err(AppError::refused(what, "name the agents of one with --agent"));
        }
    }
    let own = own_processes::with_servers(sessions.map(|session| &session.client));
    let environment = environment::of(&sessions[0].client, sessions[0].runs_on, own);
    let began_unix_ms = environment::now_unix_ms();
    let config = async |session| {
        let config = protocol::config(request, session, &environment, settings, observer);
        let config = stop.run_until_cancelled(config).await.ok_or_else(AppError::stopped)??;
        Ok::<_, AppError>(BenchConfig { began_unix_ms, ..config })
    };
    let (first, second) = (config(sessions[0]).await?, config(sessions[1]).await?);
    let targets = sessions.map(Session::target);
    let compared = harmonic_bench::ab_compare(
        (&targets[0], &first),
        (&targets[1], &second),
        &environment.telemetry,
        &EventAdapter(observer),
        stop,
    )
    .await?;
    Ok(AbComparison { first: compared.first, second: compared.second, ratios: compared.ratios })
}

/// Measures all levels of the team of `plan`, served at `client`, in under a minute.
///
/// # Errors
/// When no level can be measured.
pub async fn quick(
    plan: &Plan,
    client: Client,
    settings: &Settings,
    observer: &dyn Observer,
    stop: &CancellationToken,
) -> Result<BenchRun> {
    let loads = targets::loads(&targets::of_plan(plan, &[])?, false);
    let preset = BenchConfig::quick(loads, Levels::new(protocol::LEVELS)?);
    let own = own_processes::with_own_servers();
    let environment = environment::of(&client, ENGINE_DEVICE, own);
    let config = BenchConfig {
        stack: Some(plan.stack.clone()),
        machine: environment.machine(&inspect::hardware()?),
        host: settings.host.clone(),
        environment: environment.lines,
        began_unix_ms: environment::now_unix_ms(),
        ..preset
    };
    let (target, telemetry) = (HttpTarget::from(client), environment.telemetry);
    Ok(harmonic_bench::run(&target, &config, &telemetry, &EventAdapter(observer), stop).await?)
}

/// Whether any level of `run` has a throughput.
pub fn has_figures(run: &BenchRun) -> bool {
    run.series.iter().flat_map(|series| &series.levels).any(|level| level.tok_s.is_some())
}

#[cfg(test)]
mod tests {
    use harmonic_profiles::published;

    use super::*;

    #[test]
    fn a_warning_of_both_servers_is_said_once() {
        let run = |target: &str, message: &str| {
            let mut run = published("dgx-spark").unwrap();
            target.clone_into(&mut run.target);
            run.warnings =
                vec![Finding::new("no-power", "no meter", "-"), Finding::new("busy", message, "-")];
            run
        };
        let first = run("http://a", "1x (0.98 of 2)");
        let second = run("http://b", "1x (0.97 of 2)");
        let compared = AbComparison { first, second, ratios: Vec::new() };
        let messages: Vec<String> =
            compared.warnings().into_iter().map(|warning| warning.message).collect();
        assert_eq!(messages, ["no meter", "http://a: 1x (0.98 of 2)", "http://b: 1x (0.97 of 2)"]);
    }
}
