//! `/props`, `/slots` and `/metrics` of a llama-server, as far as they state slots, contexts and
//! load.

use harmonic_types::{EngineProgram, Finding, Tokens, counted};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::error::ProgramError;
use crate::in_force::InForce;

const PROGRAM: EngineProgram = EngineProgram::LlamaServer;

/// What `/props` states.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Props {
    /// Slots.
    pub slots: u32,
    /// Context of each slot.
    pub context: Tokens,
    /// Path of the model file.
    pub model: Option<String>,
    /// Build of the program.
    pub build: Option<String>,
}

#[derive(Deserialize)]
struct PropsDocument {
    total_slots: u32,
    default_generation_settings: GenerationSettings,
    #[serde(default)]
    model_path: Option<String>,
    #[serde(default)]
    build_info: Option<String>,
}

#[derive(Deserialize)]
struct GenerationSettings {
    n_ctx: u32,
}

/// One slot of `/slots`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Slot {
    /// Number of the slot, from 0.
    pub id: u32,
    /// Its context.
    #[serde(rename = "n_ctx")]
    pub context: Tokens,
    /// Whether a request runs in it.
    #[serde(rename = "is_processing")]
    pub busy: bool,
}

/// Counters of `/metrics`; `None` if this build has none of that name.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Metrics {
    /// Requests that run.
    pub running: Option<f64>,
    /// Requests that wait for a slot.
    pub waiting: Option<f64>,
    /// Prompt tokens that were computed, since the start.
    pub prompt_tokens: Option<f64>,
    /// Tokens that were generated, since the start.
    pub generated_tokens: Option<f64>,
}

fn read<T: DeserializeOwned>(document: &'static str, body: &[u8]) -> Result<T, ProgramError> {
    serde_json::from_slice(body).map_err(|error| ProgramError::Document {
        program: PROGRAM,
        document,
        reason: error.to_string(),
    })
}

/// Reads `/props`.
///
/// # Errors
/// If it does not state slots and context.
pub fn parse_props(body: &[u8]) -> Result<Props, ProgramError> {
    let document: PropsDocument = read("/props", body)?;
    Ok(Props {
        slots: document.total_slots,
        context: Tokens(document.default_generation_settings.n_ctx),
        model: document.model_path,
        build: document.build_info,
    })
}

/// Reads `/slots`.
///
/// # Errors
/// If it is not a list of slots.
pub fn parse_slots(body: &[u8]) -> Result<Vec<Slot>, ProgramError> {
    read("/slots", body)
}

/// Reads `/metrics`. Lines that are not understood are left out.
pub fn parse_metrics(text: &str) -> Metrics {
    let value = |name: &str| {
        text.lines().find_map(|line| {
            let rest = line.strip_prefix("llamacpp:")?.strip_prefix(name)?;
            let rest = rest.strip_prefix(' ')?;
            rest.trim().parse::<f64>().ok().filter(|value| value.is_finite())
        })
    };
    Metrics {
        running: value("requests_processing"),
        waiting: value("requests_deferred"),
        prompt_tokens: value("prompt_tokens_total"),
        generated_tokens: value("tokens_predicted_total"),
    }
}

/// Differences of a running server from `wanted`.
pub fn judge(props: &Props, wanted: &InForce) -> Vec<Finding> {
    let mut findings = Vec::new();
    if props.slots != wanted.parallel {
        findings.push(Finding::new(
            "llama-server-slots",
            format!(
                "llama-server has {}, and the plan {}",
                counted(props.slots, "slot"),
                wanted.parallel
            ),
            format!("start it with -np {}", wanted.parallel),
        ));
    }
    // It rounds up to a multiple of 256, and cuts at the context that the model was trained for.
    if props.context < wanted.context {
        findings.push(Finding::new(
            "llama-server-context",
            format!(
                "a slot of llama-server has a context of {} tokens, and of the plan {}",
                props.context, wanted.context
            ),
            format!("plan with --context {}, or start it with a larger -c", props.context),
        ));
    }
    findings
}

#[cfg(test)]
mod tests {
    use harmonic_types::KvType;

    use super::*;

    fn wanted(parallel: u32, context: u32) -> InForce {
        InForce {
            parallel,
            context: Tokens(context),
            kv_type: KvType::F16,
            attention: None,
            threads: None,
            model: None,
            memory_share: None,
        }
    }

    #[test]
    fn slots_and_contexts_are_read_and_held_against_the_plan() {
        let body = br#"{"default_generation_settings":{"id":0,"n_ctx":2048,"speculative":false,
            "params":{"seed":4294967295}},"total_slots":32,"model_alias":"smollm2",
            "model_path":"/m.gguf","build_info":"b11434-abc","chat_template":"..."}"#;
        let props = parse_props(body).unwrap();
        assert_eq!((props.slots, props.context), (32, Tokens(2048)));
        assert_eq!(judge(&props, &wanted(32, 2048)), []);
        assert_eq!(judge(&props, &wanted(32, 2000)), [], "rounded up");
        let codes =
            |wanted| judge(&props, &wanted).into_iter().map(|it| it.code).collect::<Vec<_>>();
        assert_eq!(codes(wanted(8, 2048)), ["llama-server-slots"]);
        assert_eq!(codes(wanted(33, 4096)), ["llama-server-slots", "llama-server-context"]);
    }

    #[test]
    fn documents_of_other_servers_are_refused() {
        for body in [
            &b""[..],
            b"{}",
            b"null",
            b"[]",
            br#"{"total_slots":-1,"default_generation_settings":{"n_ctx":1}}"#,
            br#"{"total_slots":1,"default_generation_settings":{"n_ctx":4294967296}}"#,
        ] {
            let refused = parse_props(body).unwrap_err().to_string();
            assert!(refused.starts_with("invalid /props of llama-server"), "{refused}");
        }
        assert!(parse_slots(br#"{"error":{"code":501}}"#).is_err());
        let deep = "[".repeat(100_000);
        assert!(parse_slots(deep.as_bytes()).is_err());
    }

    #[test]
    fn busy_slots_and_counters_are_read() {
        let body = br#"[{"id":0,"n_ctx":2048,"is_processing":true,"params":{}},
            {"id":1,"n_ctx":2048,"is_processing":false}]"#;
        let busy: Vec<bool> = parse_slots(body).unwrap().iter().map(|slot| slot.busy).collect();
        assert_eq!(busy, [true, false]);
        let text = "# HELP llamacpp:requests_processing Number of requests processing.\n\
                    # TYPE llamacpp:requests_processing gauge\n\
                    llamacpp:requests_processing 3\n\
                    llamacpp:requests_processing_max 9\n\
                    llamacpp:requests_deferred NaN\n\
                    llamacpp:tokens_predicted_total 1.5e3\n";
        let metrics = parse_metrics(text);
        assert_eq!((metrics.running, metrics.waiting), (Some(3.0), None));
        assert_eq!((metrics.prompt_tokens, metrics.generated_tokens), (None, Some(1500.0)));
    }
}
