//! `options`: sampling and limits.

use harmonic_types::{Request, SamplingOverrides, Tokens};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::checks::{self, within};
use crate::invalid::Invalid;
use crate::said::Strings;

/// Sampling and limits of one request. What is not listed is ignored: how weights are loaded is the
/// plan's to say.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "OllamaOptions")]
pub struct Options {
    /// Most tokens to generate; 0 and less are until the context is full.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(max = 4_294_967_295_i64))]
    pub num_predict: Option<i64>,
    /// Context of the request, where the engine takes one: else the agent's stands, and the answer's
    /// header says so. 0 and less are the agent's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub num_ctx: Option<i64>,
    /// 0 to 2.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 2))]
    pub temperature: Option<f32>,
    /// Most likely tokens to choose from; 0 and −1 are all of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = -1, max = 4_294_967_295_i64))]
    pub top_k: Option<i64>,
    /// 0 to 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 1))]
    pub top_p: Option<f32>,
    /// 0 to 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 1))]
    pub min_p: Option<f32>,
    /// Seed of the draw; −1 draws one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<i64>,
    /// Strings that end the answer: at most 16.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stop: Option<Strings>,
    /// Above 0 up to 10; 1 is off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(max = 10), extend("exclusiveMinimum" = 0))]
    pub repeat_penalty: Option<f32>,
    /// −2 to 2.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = -2, max = 2))]
    pub presence_penalty: Option<f32>,
    /// −2 to 2.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = -2, max = 2))]
    pub frequency_penalty: Option<f32>,
    /// Refused unless 0: another way to choose tokens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("enum" = [0, null]))]
    pub mirostat: Option<i64>,
    /// Refused unless 1: another way to choose tokens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("enum" = [1, null]))]
    pub typical_p: Option<f32>,
    /// Refused unless 1: another way to choose tokens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("enum" = [1, null]))]
    pub tfs_z: Option<f32>,
}

/// Puts what `options` say into `request`.
pub(super) fn decode(options: Option<Options>, request: &mut Request) -> Result<(), Invalid> {
    let options = options.unwrap_or_default();
    let named = |field| format!("options.{field}");
    let range = |field, value, range| within(&named(field), value, range);
    if options.mirostat.is_some_and(|mode| mode != 0) {
        return Err(Invalid::unsupported(named("mirostat"), ": leave it out, or 0"));
    }
    for (field, value) in [("typical_p", options.typical_p), ("tfs_z", options.tfs_z)] {
        if value.is_some_and(|value| value.total_cmp(&1.0).is_ne()) {
            return Err(Invalid::unsupported(named(field), ": leave it out, or 1"));
        }
    }
    request.max_tokens = match options.num_predict {
        None | Some(..=0) => None,
        Some(most) => Some(Tokens(u32::try_from(most).map_err(|_| {
            let reason = format!("is {most}, but must be at most {}", u32::MAX);
            Invalid::value(named("num_predict"), reason)
        })?)),
    };
    let context = options.num_ctx.filter(|context| *context > 0);
    request.context = context.map(|most| Tokens(u32::try_from(most).unwrap_or(u32::MAX)));
    request.seed = options.seed.filter(|seed| *seed != -1).map(i64::cast_unsigned);
    request.stop = checks::stop(&named("stop"), options.stop.unwrap_or_default().0)?;
    request.sampling = SamplingOverrides {
        temperature: range("temperature", options.temperature, 0.0..=2.0)?,
        top_k: checks::top_k(&named("top_k"), options.top_k)?,
        top_p: range("top_p", options.top_p, 0.0..=1.0)?,
        min_p: range("min_p", options.min_p, 0.0..=1.0)?,
        repeat_penalty: checks::repeat_penalty(&named("repeat_penalty"), options.repeat_penalty)?,
        presence_penalty: range("presence_penalty", options.presence_penalty, -2.0..=2.0)?,
        frequency_penalty: range("frequency_penalty", options.frequency_penalty, -2.0..=2.0)?,
    };
    Ok(())
}

/// The options that ask for `request`; `None` where it has the agent's defaults.
pub(super) fn encode(request: &Request) -> Option<Options> {
    let sampling = &request.sampling;
    let options = Options {
        num_predict: request.max_tokens.map(|most| i64::from(most.0)),
        num_ctx: request.context.map(|context| i64::from(context.0)),
        temperature: sampling.temperature,
        top_k: sampling.top_k.map(i64::from),
        top_p: sampling.top_p,
        min_p: sampling.min_p,
        seed: request.seed.map(u64::cast_signed),
        stop: (!request.stop.is_empty()).then(|| Strings(request.stop.clone())),
        repeat_penalty: sampling.repeat_penalty,
        presence_penalty: sampling.presence_penalty,
        frequency_penalty: sampling.frequency_penalty,
        ..Options::default()
    };
    (options != Options::default()).then_some(options)
}
