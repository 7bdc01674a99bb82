//! Measurement of a server: targets, instruments, settings, and the files of a run.
//!
//! Owns: the session with a server (`session`), the agents that a load goes to (`targets`), the
//! identity of its models (`identity`), the machine under it (`environment`), the settings of a run
//! (`protocol`), the run itself ([`run`], [`ab_compare`], [`quick`]) and its files ([`save`],
//! [`records`]).
//!
//! Does not do: the load and the statistics (`harmonic-bench`), or how a record looks
//! (`harmonic-report`).

mod environment;
mod identity;
mod protocol;
pub mod records;
pub mod save;
mod session;
pub(crate) mod targets;

use harmonic_api::Client;
use harmonic_bench::{BenchConfig, HttpTarget, LevelRatio, Levels};
use harmonic_types::{AgentName, BenchRun, Plan, Slo};
use tokio_util::sync::CancellationToken;

pub use harmonic_bench::Protocol;

use crate::error::{AppError, Result};
use crate::event::{Forward, Observer};
use crate::inspect::ENGINE_DEVICE;
use crate::settings::Settings;

pub use session::{Session, running};

/// Targets and settings of a measurement.
#[derive(Clone, Debug)]
pub struct BenchRequest {
    /// Agents that are asked; all where none is named.
    pub agents: Vec<AgentName>,
    /// One load over all engines, each agent by its slots, instead of one after the other.
    pub whole_team: bool,
    /// How the load is paced.
    pub protocol: Protocol,
    /// Parallel streams; `None` for the protocol's.
    pub levels: Option<Levels>,
    /// Requests per second, in an open loop.
    pub rates: Vec<f64>,
    /// Windows at each level; `None` for the protocol's.
    pub trials: Option<u32>,
    /// Tokens of each prompt; `None` for the protocol's.
    pub prompt_tokens: Option<u32>,
    /// Tokens of each answer; `None` for the protocol's.
    pub output_tokens: Option<u32>,
    /// What a good answer is.
    pub slo: Slo,
    /// Seed of the prompts, the order of levels and the arrivals.
    pub seed: u64,
    /// Whether this machine's memory and arithmetic are measured, for the roof.
    pub probe: bool,
}

/// Two servers that were measured in turns.
#[derive(Clone, Debug)]
pub struct AbComparison {
    /// The record of the first.
    pub first: BenchRun,
    /// The record of the second.
    pub second: BenchRun,
    /// Throughput of the first divided by that of the second, for each level.
    pub ratios: Vec<LevelRatio>,
}

/// Measures the server of `session`. A cancelled `stop` ends it with the levels so far.
///
/// # Errors
/// When nothing can be measured.
pub async fn run(
    request: &BenchRequest,
    session: &Session,
    settings: &Settings,
    observer: &dyn Observer,
    stop: &CancellationToken,
) -> Result<BenchRun> {
    let environment = environment::of(&session.client, session.on);
    let config = protocol::config(request, session, &environment, settings, observer);
    let config = stop.run_until_cancelled(config).await.ok_or_else(AppError::stopped)??;
    // The probe is behind us: the run begins now.
    let config = BenchConfig { began_unix_ms: environment::now_unix_ms(), ..config };
    let (target, instruments) = (session.target(), &environment.instruments);
    Ok(harmonic_bench::run(&target, &config, instruments, &Forward(observer), stop).await?)
}

/// Measures the servers of two sessions in turns.
///
/// # Errors
/// When one of them serves several models that are asked, or nothing can be measured.
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
            let what = format!("{url} serves {count} models");
            return Err(AppError::refused(what, "name the agents of one with --agent"));
        }
    }
    let environment = environment::of(&sessions[0].client, sessions[0].on);
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
        &environment.instruments,
        &Forward(observer),
        stop,
    )
    .await?;
    Ok(AbComparison { first: compared.first, second: compared.second, ratios: compared.ratios })
}

/// Measures all levels of our own team that `client` asks and `plan` describes in under a minute.
///
/// # Errors
/// When nothing can be measured.
pub async fn quick(
    plan: &Plan,
    client: Client,
    settings: &Settings,
    observer: &dyn Observer,
    stop: &CancellationToken,
) -> Result<BenchRun> {
    let loads = targets::loads(&targets::of_plan(plan, &[])?, false);
    let preset = BenchConfig::quick(loads, Levels::new(protocol::LEVELS)?);
    let environment = environment::of(&client, ENGINE_DEVICE);
    let config = BenchConfig {
        host: settings.host.clone(),
        environment: environment.lines,
        began_unix_ms: environment::now_unix_ms(),
        ..preset
    };
    let (target, instruments) = (HttpTarget::from(client), environment.instruments);
    Ok(harmonic_bench::run(&target, &config, &instruments, &Forward(observer), stop).await?)
}

/// Whether anything of `run` was measured.
pub fn has_figures(run: &BenchRun) -> bool {
    run.series.iter().flat_map(|series| &series.levels).any(|level| level.tok_s.is_some())
}
