//! From a body to a [`Request`], and back.

use harmonic_types::{Prompt, Request, RequestId};

use super::request::CompletionBody;
use crate::checks::{self, no_nul};
use crate::features::FeatureFields;
use crate::openai::{decode_format, decode_logit_bias, encode_format};
use crate::untagged::Strings;
use crate::validation_error::ValidationError;

/// Default token limit, as in OpenAI's API.
const MAX_TOKENS: u32 = 16;

/// Request of `body`, with the given id. The number of answers and streaming are not part of it.
///
/// # Errors
/// [`ValidationError::Value`] for a value out of range, [`ValidationError::Unsupported`] for an
/// unsupported field.
pub fn decode(body: CompletionBody, id: RequestId) -> Result<Request, ValidationError> {
    decode_naming(body, id, &mut FeatureFields::default())
}

/// As [`decode`], also recording field names in `fields`.
pub(super) fn decode_naming(
    mut body: CompletionBody,
    id: RequestId,
    fields: &mut FeatureFields,
) -> Result<Request, ValidationError> {
    let answers = checks::answers(body.n)?;
    if body.best_of.is_some_and(|best_of| best_of != answers) {
        return Err(ValidationError::unsupported("best_of", ": leave it out, or set it to `n`"));
    }
    if body.echo == Some(true) {
        return Err(ValidationError::unsupported(
            "echo",
            ": leave it out, the client has the prompt",
        ));
    }
    checks::refuse_if_set("suffix", body.suffix.as_ref(), ": leave it out")?;
    if body.stream_options.is_some() && body.stream != Some(true) {
        return Err(ValidationError::value("stream_options", "is only for `stream: true`"));
    }
    let format_aliases = body.format_aliases();
    let sampling = body.sampling_fields();
    let mut request = Request::new(id, checks::agent(body.model)?, Vec::new());
    request.prompt = Prompt::Text(text(body.prompt)?);
    request.max_tokens =
        checks::max_tokens("max_tokens", Some(body.max_tokens.unwrap_or(MAX_TOKENS)))?;
    request.top_logprobs = checks::alternatives("logprobs", body.logprobs)?;
    request.sampling = sampling.decode("")?;
    let format = decode_format(body.response_format, body.structured_outputs, format_aliases)?;
    if let Some((name, format)) = format {
        fields.format = name;
        request.format = Some(format);
    }
    request.logit_bias = decode_logit_bias(body.logit_bias.as_ref())?;
    request.stop = checks::stop("stop", body.stop.unwrap_or_default().0)?;
    request.seed = body.seed.map(i64::cast_unsigned);
    request.ignore_eos = body.ignore_eos.unwrap_or(false);
    Ok(request)
}

fn text(prompt: Option<Strings>) -> Result<String, ValidationError> {
    let Strings(texts) = prompt.unwrap_or_default();
    let several = texts.len() > 1;
    match texts.into_iter().next() {
        Some(text) if !several && !text.is_empty() => {
            no_nul("prompt", &text)?;
            Ok(text)
        }
        Some(_) if several => {
            Err(ValidationError::unsupported("prompt", " as a list of more than one"))
        }
        _ => Err(ValidationError::value("prompt", "must hold some text")),
    }
}

/// Body that [`decode`] decodes to `request`, whose prompt is a text. `stream` is absent, because
/// it is not part of the request. Thinking, which the dialect cannot express, is omitted.
pub fn encode(request: &Request) -> CompletionBody {
    let prompt = match &request.prompt {
        Prompt::Text(text) => Some(Strings(vec![text.clone()])),
        Prompt::Chat { .. } => None,
    };
    let bias = request.logit_bias.iter().map(|(token, bias)| (token.to_string(), *bias));
    let (response_format, structured_outputs) =
        request.format.as_ref().map_or((None, None), encode_format);
    CompletionBody {
        model: request.agent.0.clone(),
        prompt,
        max_tokens: request.max_tokens.map(|most| most.0),
        logprobs: request.top_logprobs.map(u32::from),
        logit_bias: (!request.logit_bias.is_empty()).then(|| bias.collect()),
        stop: (!request.stop.is_empty()).then(|| Strings(request.stop.clone())),
        seed: request.seed.map(u64::cast_signed),
        ignore_eos: request.ignore_eos.then_some(true),
        response_format,
        structured_outputs,
        ..CompletionBody::default()
    }
    .with_sampling(&request.sampling)
}

#[cfg(test)]
mod tests {
    use harmonic_types::{AgentName, Tokens};
    use proptest::option::of;
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::{body, strategies};

    proptest! {
        #[test]
        fn a_request_survives_the_wire(
            (agent, text) in (".+", "[^\0]+"),
            sampling in strategies::overrides(),
            logit_bias in prop::collection::btree_map(any::<u32>(), -100.0f32..=100.0, 0..4),
            (seed, max_tokens) in (of(any::<u64>()), 1u32..),
            stop in prop::collection::vec("[^\0]+", 0..=16),
            ignore_eos in any::<bool>(),
            top_logprobs in of(0u8..=20),
        ) {
            let request = Request {
                prompt: Prompt::Text(text),
                sampling,
                logit_bias,
                seed,
                max_tokens: Some(Tokens(max_tokens)),
                stop,
                ignore_eos,
                top_logprobs,
                ..Request::new(RequestId(1), AgentName(agent), Vec::new())
            };
            let wire = serde_json::to_vec(&encode(&request)).expect("JSON");
            let back = decode(body::read(&wire).expect("its own body"), request.id);
            prop_assert_eq!(back, Ok(request));
        }
    }

    #[test]
    fn each_refusal_names_the_field_and_what_would_be_right() {
        let refusals: Vec<String> = [
            json!({"prompt": null}),
            json!({"prompt": ""}),
            json!({"prompt": ["a", "b"]}),
            json!({"prompt": [1, 2]}),
            json!({"echo": true}),
            json!({"suffix": "}"}),
            json!({"best_of": 2}),
            json!({"n": 0}),
            json!({"logprobs": 21}),
            json!({"stream_options": {}}),
            json!({"max_tokens": 0}),
        ]
        .iter()
        .map(|patch| {
            let mut body = json!({"model": "coder", "prompt": "hi"});
            for (field, value) in patch.as_object().expect("a patch is an object") {
                body[field] = value.clone();
            }
            body::read(body.to_string().as_bytes())
                .and_then(|body| decode(body, RequestId(1)))
                .expect_err("refused")
                .to_string()
        })
        .collect();
        insta::assert_snapshot!(refusals.join("\n"), @r#"
        `prompt` must hold some text
        `prompt` must hold some text
        `prompt` is not supported yet by this version as a list of more than one
        `prompt[0]` cannot be read: invalid type: integer `1`, expected a string at line 1 column 28
        `echo` is not supported yet by this version: leave it out, the client has the prompt
        `suffix` is not supported yet by this version: leave it out
        `best_of` is not supported yet by this version: leave it out, or set it to `n`
        `n` is 0, but must be from 1 to 16
        `logprobs` is 21, but must be from 0 to 20
        `stream_options` is only for `stream: true`
        `max_tokens` must be at least 1
        "#);
    }
}
