//! The settings of a run, from the arguments.

use harmonic_bench::{BenchConfig, Levels, PAPER_LEVELS, Protocol, prefill};
use harmonic_types::{Slo, Tokens};

use super::ground::{self, Ground};
use super::session::Session;
use super::{behind, loads};
use crate::cli::{self, Bench};
use crate::printer::Printer;
use crate::settings::Settings;

/// Levels unless told otherwise.
pub const LEVELS: [u32; 6] = [1, 2, 4, 8, 16, 32];

/// What to measure at `session`, on `ground`.
///
/// # Errors
/// When the target does not answer the probe.
pub async fn config(
    args: &Bench,
    session: &Session,
    ground: &Ground,
    settings: &Settings,
    printer: &Printer,
) -> anyhow::Result<BenchConfig> {
    let protocol = protocol(args);
    let levels = match (&args.levels, protocol) {
        (Some(levels), _) => levels.clone(),
        (None, Protocol::Paper) => Levels::new(PAPER_LEVELS)?,
        (None, _) => Levels::new(LEVELS)?,
    };
    let mut loads = loads::loads(&session.asked, args.team_load);
    if !args.team_load {
        behind::note(&mut loads, &session.behind);
    }
    let preset = protocol.preset(loads, levels);
    let slo = Slo { ttft_ms: args.ttft_ms, itl_ms: args.itl_ms };
    let mut config = BenchConfig {
        rates: args.rate.clone(),
        host: settings.host.clone(),
        environment: ground.environment.clone(),
        warnings: ground.warnings.clone(),
        trials: args.trials.unwrap_or(preset.trials),
        most_trials: args.trials.unwrap_or(preset.most_trials),
        narrow: preset.narrow.filter(|_| args.trials.is_none()),
        prompt_tokens: args.prompt_tokens.or(preset.prompt_tokens),
        output_tokens: args.output_tokens.unwrap_or(preset.output_tokens),
        seed: args.seed,
        slo: (slo != Slo::default()).then_some(slo),
        ..preset
    };
    if !args.team_load {
        add_roofs(&mut config, args, session, printer).await?;
    }
    Ok(config)
}

fn protocol(args: &Bench) -> Protocol {
    match args.protocol {
        _ if args.quick => Protocol::Quick,
        _ if args.thorough => Protocol::Thorough,
        cli::Protocol::Steady => Protocol::Steady,
        cli::Protocol::Paper => Protocol::Paper,
        cli::Protocol::Open => Protocol::Open,
    }
}

/// The roof of each load whose model is known, where the memory is known or probed.
async fn add_roofs(
    config: &mut BenchConfig,
    args: &Bench,
    session: &Session,
    printer: &Printer,
) -> anyhow::Result<()> {
    if session.behind.iter().all(Option::is_none) {
        if args.probe {
            printer.say("there is no roof: the model behind this server is not known here");
        }
        return Ok(());
    }
    let memory = ground::memory(&session.hardware, args.probe, printer);
    let context =
        Tokens(config.prompt_tokens.unwrap_or(config.prompt_words) + config.output_tokens / 2);
    let target = session.target();
    for index in 0..config.loads.len() {
        let Some(Some(behind)) = session.behind.get(index) else { continue };
        let rate =
            if args.probe { prefill(&target, config, &config.loads[index]).await? } else { None };
        if let Some(rate) = rate {
            let model = &config.loads[index].model;
            printer.say(&format!("{model} reads a prompt at {:.0} tok/s", rate.0));
        }
        let Some(shape) = &behind.shape else { continue };
        config.loads[index].roofs =
            ground::roofs(memory, rate, shape, behind.kv_type, &config.levels, context);
    }
    Ok(())
}
