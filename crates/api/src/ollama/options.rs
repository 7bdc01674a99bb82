//! `options`: sampling and limits.

use harmonic_types::{Request, Tokens};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::checks;
use crate::sampling::body;
use crate::untagged::Strings;
use crate::validation_error::ValidationError;

body! {
    /// Sampling and limits of one request. Unlisted options are ignored: the plan determines how
    /// weights are loaded.
    #[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
    #[schemars(rename = "OllamaOptions")]
    pub struct Options with nucleus, candidates, penalties {
        /// Maximum number of tokens to generate; 0 and below mean until the context is full.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[schemars(range(max = 4_294_967_295_i64))]
        pub num_predict: Option<i64>,
        /// Context of the request in tokens, if the engine supports it; otherwise the agent's
        /// context applies and a response header reports it. 0 and below mean the agent's.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub num_ctx: Option<i64>,
        /// Sampling seed; −1 means random.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub seed: Option<i64>,
        /// Stop strings, at most 16.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub stop: Option<Strings>,
        /// Refused unless 0: unsupported sampling method.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[schemars(extend("enum" = [0, null]))]
        pub mirostat: Option<i64>,
        /// Refused unless 1: unsupported sampling method.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[schemars(extend("enum" = [1, null]))]
        pub typical_p: Option<f32>,
        /// Refused unless 1: unsupported sampling method.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[schemars(extend("enum" = [1, null]))]
        pub tfs_z: Option<f32>,
    }
}

/// Applies `options` to `request`.
pub(super) fn decode(
    options: Option<Options>,
    request: &mut Request,
) -> Result<(), ValidationError> {
    let options = options.unwrap_or_default();
    let sampling = options.sampling_fields();
    let named = |field| format!("options.{field}");
    if options.mirostat.is_some_and(|mode| mode != 0) {
        return Err(ValidationError::unsupported(named("mirostat"), ": leave it out, or 0"));
    }
    for (field, value) in [("typical_p", options.typical_p), ("tfs_z", options.tfs_z)] {
        if value.is_some_and(|value| value.total_cmp(&1.0).is_ne()) {
            return Err(ValidationError::unsupported(named(field), ": leave it out, or 1"));
        }
    }
    request.max_tokens = match options.num_predict {
        None | Some(..=0) => None,
        Some(most) => Some(Tokens(u32::try_from(most).map_err(|_| {
            let reason = format!("is {most}, but must be at most {}", u32::MAX);
            ValidationError::value(named("num_predict"), reason)
        })?)),
    };
    let context = options.num_ctx.filter(|context| *context > 0);
    request.context = context.map(|most| Tokens(u32::try_from(most).unwrap_or(u32::MAX)));
    request.seed = options.seed.filter(|seed| *seed != -1).map(i64::cast_unsigned);
    request.stop = checks::stop(&named("stop"), options.stop.unwrap_or_default().0)?;
    request.sampling = sampling.decode("options.")?;
    Ok(())
}

/// Options of `request`; `None` if it uses the agent's defaults.
pub(super) fn encode(request: &Request) -> Option<Options> {
    let options = Options {
        num_predict: request.max_tokens.map(|most| i64::from(most.0)),
        num_ctx: request.context.map(|context| i64::from(context.0)),
        seed: request.seed.map(u64::cast_signed),
        stop: (!request.stop.is_empty()).then(|| Strings(request.stop.clone())),
        ..Options::default()
    };
    let options = options.with_sampling(&request.sampling);
    (options != Options::default()).then_some(options)
}
