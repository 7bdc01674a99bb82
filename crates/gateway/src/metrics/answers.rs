//! What agents answered, and how fast.

use std::time::Duration;

use harmonic_types::Usage;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

/// Upper bounds in seconds, as OpenTelemetry's conventions advise for each figure.
const DURATION: [f64; 14] =
    [0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92];
const FIRST_TOKEN: [f64; 16] =
    [0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0];
const OUTPUT_TOKEN: [f64; 13] =
    [0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0, 2.5];

/// Who was asked.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Asked {
    /// The agent, which is the model that the client named.
    pub(super) gen_ai_request_model: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Outcome {
    gen_ai_request_model: String,
    outcome: &'static str,
}

type Timed = Family<Asked, Histogram, fn() -> Histogram>;

/// What agents answered.
#[derive(Debug)]
pub(super) struct Answers {
    requests: Family<Outcome, Counter>,
    prompt: Family<Asked, Counter>,
    cached: Family<Asked, Counter>,
    generated: Family<Asked, Counter>,
    duration: Timed,
    queued: Timed,
    first_token: Timed,
    output_token: Timed,
}

impl Answers {
    pub(super) fn new(registry: &mut Registry) -> Self {
        let mut timed = |name: &str, help: &str, buckets: fn() -> Histogram| {
            let family = Timed::new_with_constructor(buckets);
            registry.register_with_unit(name, help, Unit::Seconds, family.clone());
            family
        };
        let duration = timed(
            "gen_ai_server_request_duration",
            "From a request's arrival to the end of its answer",
            || Histogram::new(DURATION),
        );
        let queued =
            timed("harmonic_request_queue_time", "How long a request waited for its slot", || {
                Histogram::new(DURATION)
            });
        let first_token = timed(
            "gen_ai_server_time_to_first_token",
            "From a request's arrival to its first token",
            || Histogram::new(FIRST_TOKEN),
        );
        let output_token = timed(
            "gen_ai_server_time_per_output_token",
            "Between the tokens of an answer after the first, on average over the answer",
            || Histogram::new(OUTPUT_TOKEN),
        );
        let requests = Family::default();
        let help = "Requests that reached an agent, by how they ended";
        registry.register("harmonic_requests", help, requests.clone());
        let mut counted = |name: &str, help: &str| {
            let family = Family::<Asked, Counter>::default();
            registry.register(name, help, family.clone());
            family
        };
        let prompt = counted("harmonic_prompt_tokens", "Tokens of prompts");
        let cached = counted(
            "harmonic_prompt_tokens_cached",
            "Tokens of prompts that were not computed again",
        );
        let generated = counted("harmonic_generation_tokens", "Tokens of answers");
        Self { requests, prompt, cached, generated, duration, queued, first_token, output_token }
    }

    /// A request got its slot.
    pub(super) fn granted(&self, asked: &Asked, queued: Duration) {
        self.queued.get_or_create(asked).observe(queued.as_secs_f64());
    }

    /// Tokens were computed.
    pub(super) fn used(&self, asked: &Asked, usage: Usage) {
        self.prompt.get_or_create(asked).inc_by(usage.prompt_tokens.into());
        self.cached.get_or_create(asked).inc_by(usage.cached_tokens.into());
        self.generated.get_or_create(asked).inc_by(usage.completion_tokens.into());
    }

    /// An answer came, in that time; to its first token, and between those after it, where it had
    /// any.
    pub(super) fn took(
        &self,
        asked: &Asked,
        duration: Duration,
        first_token: Option<Duration>,
        output_token: Option<Duration>,
    ) {
        for (family, time) in [
            (&self.duration, Some(duration)),
            (&self.first_token, first_token),
            (&self.output_token, output_token),
        ] {
            if let Some(time) = time {
                family.get_or_create(asked).observe(time.as_secs_f64());
            }
        }
    }

    /// A request ended.
    pub(super) fn ended(&self, asked: &Asked, outcome: &'static str) {
        let gen_ai_request_model = asked.gen_ai_request_model.clone();
        self.requests.get_or_create(&Outcome { gen_ai_request_model, outcome }).inc();
    }
}
