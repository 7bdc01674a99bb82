//! Metrics of answers by agent: counts, tokens and times.

use std::time::Duration;

use harmonic_types::Usage;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

/// Upper bounds of the buckets in seconds, as recommended by OpenTelemetry's conventions.
const DURATION: [f64; 14] =
    [0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92];
const FIRST_TOKEN: [f64; 16] =
    [0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0];
const OUTPUT_TOKEN: [f64; 13] =
    [0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0, 2.5];

/// Label of the agent.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct AgentLabel {
    /// Name of the agent, the model of the request.
    pub(super) gen_ai_request_model: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OutcomeLabels {
    gen_ai_request_model: String,
    outcome: &'static str,
}

type TimeHistogram = Family<AgentLabel, Histogram, fn() -> Histogram>;

/// Metrics of answers.
#[derive(Debug)]
pub(super) struct Answers {
    requests: Family<OutcomeLabels, Counter>,
    prompt: Family<AgentLabel, Counter>,
    cached: Family<AgentLabel, Counter>,
    generated: Family<AgentLabel, Counter>,
    duration: TimeHistogram,
    queued: TimeHistogram,
    first_token: TimeHistogram,
    output_token: TimeHistogram,
}

impl Answers {
    pub(super) fn new(registry: &mut Registry) -> Self {
        let mut histogram = |name: &str, help: &str, buckets: fn() -> Histogram| {
            let family = TimeHistogram::new_with_constructor(buckets);
            registry.register_with_unit(name, help, Unit::Seconds, family.clone());
            family
        };
        let duration = histogram(
            "gen_ai_server_request_duration",
            "Time from the arrival of a request to the end of its answer",
            || Histogram::new(DURATION),
        );
        let queued = histogram(
            "harmonic_request_queue_time",
            "Time that a request waited for its slot",
            || Histogram::new(DURATION),
        );
        let first_token = histogram(
            "gen_ai_server_time_to_first_token",
            "Time from the arrival of a request to its first token",
            || Histogram::new(FIRST_TOKEN),
        );
        let output_token = histogram(
            "gen_ai_server_time_per_output_token",
            "Mean time between the tokens of an answer",
            || Histogram::new(OUTPUT_TOKEN),
        );
        let requests = Family::default();
        let help = "Requests to agents, by outcome";
        registry.register("harmonic_requests", help, requests.clone());
        let mut counter = |name: &str, help: &str| {
            let family = Family::<AgentLabel, Counter>::default();
            registry.register(name, help, family.clone());
            family
        };
        let prompt = counter("harmonic_prompt_tokens", "Tokens of prompts");
        let cached = counter(
            "harmonic_prompt_tokens_cached",
            "Tokens of prompts that were restored from the prefix cache",
        );
        let generated = counter("harmonic_generation_tokens", "Tokens of answers");
        Self { requests, prompt, cached, generated, duration, queued, first_token, output_token }
    }

    /// A request was admitted after `queued`.
    pub(super) fn admitted(&self, labels: &AgentLabel, queued: Duration) {
        self.queued.get_or_create(labels).observe(queued.as_secs_f64());
    }

    /// Adds the tokens of an answer.
    pub(super) fn count_tokens(&self, labels: &AgentLabel, usage: Usage) {
        self.prompt.get_or_create(labels).inc_by(usage.prompt_tokens.into());
        self.cached.get_or_create(labels).inc_by(usage.cached_tokens.into());
        self.generated.get_or_create(labels).inc_by(usage.completion_tokens.into());
    }

    /// Records the times of an answer: in total, to its first token, and between tokens; `None`
    /// where it has no such token.
    pub(super) fn observe_times(
        &self,
        labels: &AgentLabel,
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
                family.get_or_create(labels).observe(time.as_secs_f64());
            }
        }
    }

    /// Counts a request by its outcome.
    pub(super) fn count_outcome(&self, labels: &AgentLabel, outcome: &'static str) {
        let gen_ai_request_model = labels.gen_ai_request_model.clone();
        self.requests.get_or_create(&OutcomeLabels { gen_ai_request_model, outcome }).inc();
    }
}
