//! Settings of a run, from the request and the protocol's preset.

use harmonic_bench::{BenchConfig, Levels, PAPER_LEVELS, Protocol, prefill_rate};
use harmonic_types::{Slo, Tokens};

use super::environment::{self, Environment};
use super::session::Session;
use super::{BenchRequest, identity, runs, targets};
use crate::error::Result;
use crate::event::{Event, Observer};
use crate::settings::Settings;

/// Default levels: numbers of parallel streams.
pub const LEVELS: [u32; 6] = [1, 2, 4, 8, 16, 32];

/// Settings of a run at `session`, on the machine of `environment`.
///
/// # Errors
/// When the target does not answer the probe.
pub async fn config(
    request: &BenchRequest,
    session: &Session,
    environment: &Environment,
    settings: &Settings,
    observer: &dyn Observer,
) -> Result<BenchConfig> {
    let protocol = request.protocol;
    let levels = match (&request.levels, protocol) {
        (Some(levels), _) => levels.clone(),
        (None, Protocol::Paper) => Levels::new(PAPER_LEVELS)?,
        (None, _) => Levels::new(LEVELS)?,
    };
    let loads = match &request.recipe {
        Some(recipe) => vec![runs::load(recipe)],
        None => targets::loads(&session.targets, request.whole_team),
    };
    // A curve is of one engine's sequences.
    let is_of_engines = !request.whole_team && request.recipe.is_none();
    let preset = protocol.preset(loads, levels);
    let preset = match &request.recipe {
        Some(recipe) => runs::config(preset, recipe, &session.targets),
        None => preset,
    };
    let slo = request.slo;
    let mut config = BenchConfig {
        rates: request.rates.clone(),
        stack: session.stack.clone(),
        machine: environment.machine(&session.hardware),
        host: settings.host.clone(),
        environment: environment.lines.clone(),
        warnings: environment.warnings.clone(),
        trials: request.trials.unwrap_or(preset.trials),
        max_trials: request.trials.unwrap_or(preset.max_trials),
        target_half_width: preset.target_half_width.filter(|_| request.trials.is_none()),
        prompt_tokens: request.prompt_tokens.or(preset.prompt_tokens),
        output_tokens: request.output_tokens.unwrap_or(preset.output_tokens),
        seed: request.seed,
        slo: (slo != Slo::default()).then_some(slo),
        ..preset
    };
    if is_of_engines {
        identity::set_keys(&mut config.loads, &session.identities);
        add_roofs(&mut config, request.probe, session, observer).await?;
    }
    Ok(config)
}

/// Adds the roofs of each load whose model is identified, where the memory bandwidth is known.
async fn add_roofs(
    config: &mut BenchConfig,
    wants_probe: bool,
    session: &Session,
    observer: &dyn Observer,
) -> Result<()> {
    if session.identities.iter().all(Option::is_none) {
        if wants_probe {
            observer.event(Event::NoRoof);
        }
        return Ok(());
    }
    let memory = environment::memory(&session.hardware, wants_probe, observer);
    let context =
        Tokens(config.prompt_tokens.unwrap_or(config.prompt_words) + config.output_tokens / 2);
    let target = session.target();
    for index in 0..config.loads.len() {
        let Some(Some(identity)) = session.identities.get(index) else { continue };
        let rate = if wants_probe {
            prefill_rate(&target, config, &config.loads[index]).await?
        } else {
            None
        };
        if let Some(rate) = rate {
            observer.event(Event::PromptRate { model: &config.loads[index].model, rate });
        }
        let Some(shape) = &identity.shape else { continue };
        config.loads[index].roofs =
            environment::roofs(memory, rate, shape, identity.kv_type, &config.levels, context);
    }
    Ok(())
}
