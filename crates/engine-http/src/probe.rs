//! Probes of a server that has just been started: whether its models answer, and how many requests
//! it runs at once.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use harmonic_api::{ChatEvent, Client, ClientError, StreamedRequest, Timeouts};
use harmonic_engine::EngineError;
use harmonic_types::{EnginePlan, RemoteDialect};
use serde_json::{Value, json};
use tokio::time::{sleep, timeout};

use crate::endpoint::Endpoint;

/// Time between attempts while a server starts.
const RETRY: Duration = Duration::from_millis(100);
/// Time to connect.
const CONNECT: Duration = Duration::from_secs(10);
/// Question whose answer is longer than any probe.
const QUESTION: &str = "Count from 1 to 1000 in words.";
/// Tokens of each stream that is to overlap with others, beside those for the number of streams:
/// each prompt delays the streams that have begun by a step or two.
const OVERLAP_TOKENS: u32 = 16;

/// Waits until the server answers with a token of each model: ready by inference, since servers
/// accept connections before they can load a model. Loads the models.
///
/// # Errors
/// [`EngineError::Setup`] if the server refuses, or does not answer within `within`.
pub async fn preload(
    endpoint: &Endpoint,
    models: &[String],
    within: Duration,
) -> Result<(), EngineError> {
    let client = client(endpoint)?;
    for model in models {
        let mut last = None;
        let attempts = async {
            loop {
                match answer_one_token(endpoint, &client, model).await {
                    Err(error) if is_starting(&error) => last = Some(error),
                    result => return result,
                }
                sleep(RETRY).await;
            }
        };
        let loaded = timeout(within, attempts).await;
        let reason = match loaded {
            Ok(Ok(())) => continue,
            Ok(Err(error)) => error.to_string(),
            Err(_) => {
                let last = last.map(|error| format!(": {error}")).unwrap_or_default();
                format!("no answer within {} s{last}", within.as_secs())
            }
        };
        return Err(failed(endpoint, &format!("cannot load the model {model}: {reason}")));
    }
    Ok(())
}

/// Number of streams that the server runs at the same moment when `n` + 1 are asked for at once: a
/// server with `n` slots runs `n`.
///
/// # Errors
/// [`EngineError::Setup`] if the server refuses or breaks off an answer, or if the streams have not
/// ended within `within`.
pub async fn overlap(
    endpoint: &Endpoint,
    model: &str,
    n: u32,
    within: Duration,
) -> Result<u32, EngineError> {
    let client = client(endpoint)?;
    let asked = n.min(EnginePlan::MAX_SEQUENCES) + 1;
    let body = probe(endpoint, model, OVERLAP_TOKENS + asked / 2);
    let count = Overlap::default();
    let streams = async {
        let mut streams: FuturesUnordered<_> =
            (0..asked).map(|_| count.stream(endpoint, &client, &body)).collect();
        while let Some(reason) = streams.next().await {
            // All that run at once had begun before the first that ran to its limit has ended.
            if reason? == "length" {
                break;
            }
        }
        Ok::<_, ClientError>(())
    };
    match timeout(within, streams).await {
        Ok(Ok(())) => Ok(count.most.into_inner()),
        Ok(Err(error)) => Err(failed(endpoint, &format!("cannot count its slots: {error}"))),
        Err(_) => {
            let reason = format!("cannot count its slots within {} s", within.as_secs());
            Err(failed(endpoint, &reason))
        }
    }
}

/// Streams between their first and their last token.
#[derive(Debug, Default)]
struct Overlap {
    running: AtomicU32,
    most: AtomicU32,
}

impl Overlap {
    /// Reads one answer; returns the reason of its end.
    async fn stream(
        &self,
        endpoint: &Endpoint,
        client: &Client,
        body: &Value,
    ) -> Result<String, ClientError> {
        let mut stream = client.stream(chat(endpoint), body).await?;
        let (mut runs, mut reason) = (false, String::new());
        while let Some(event) = stream.next().await {
            match event? {
                ChatEvent::Delta(_) if !runs => {
                    runs = true;
                    let running = self.running.fetch_add(1, Ordering::Relaxed) + 1;
                    self.most.fetch_max(running, Ordering::Relaxed);
                }
                ChatEvent::Finish { reason: found } => {
                    reason = found;
                    if std::mem::take(&mut runs) {
                        self.running.fetch_sub(1, Ordering::Relaxed);
                    }
                }
                ChatEvent::Delta(_) | ChatEvent::Usage(_) => {}
            }
        }
        Ok(reason)
    }
}

async fn answer_one_token(
    endpoint: &Endpoint,
    client: &Client,
    model: &str,
) -> Result<(), ClientError> {
    let mut stream = client.stream(chat(endpoint), &probe(endpoint, model, 1)).await?;
    let mut is_whole = false;
    while let Some(event) = stream.next().await {
        is_whole |= matches!(event?, ChatEvent::Finish { .. });
    }
    if is_whole { Ok(()) } else { Err(without_end()) }
}

fn without_end() -> ClientError {
    ClientError::BrokenOff { message: "it has no final event".to_owned() }
}

/// Whether an error is one of a server that is still starting.
fn is_starting(error: &ClientError) -> bool {
    match error {
        ClientError::Unreachable { error, .. } => !error.is_timeout(),
        // llama-server, while it loads its model.
        ClientError::Status { status, .. } => *status == 503,
        _ => false,
    }
}

/// Chat of `tokens` tokens at most.
fn probe(endpoint: &Endpoint, model: &str, tokens: u32) -> Value {
    let messages = json!([{"role": "user", "content": QUESTION}]);
    match endpoint.dialect {
        RemoteDialect::OpenAi => {
            json!({"model": model, "messages": messages, "stream": true, "max_tokens": tokens})
        }
        RemoteDialect::Ollama => {
            let options = json!({"num_predict": tokens});
            json!({"model": model, "messages": messages, "stream": true, "options": options})
        }
    }
}

fn chat(endpoint: &Endpoint) -> StreamedRequest {
    match endpoint.dialect {
        RemoteDialect::OpenAi => StreamedRequest::Chat,
        RemoteDialect::Ollama => StreamedRequest::OllamaChat,
    }
}

fn client(endpoint: &Endpoint) -> Result<Client, EngineError> {
    let timeouts = Timeouts { connect: CONNECT, idle: None };
    endpoint.client(timeouts).map_err(|error| failed(endpoint, &error.to_string()))
}

fn failed(endpoint: &Endpoint, reason: &str) -> EngineError {
    EngineError::Setup { id: endpoint.url.clone(), reason: reason.to_owned() }
}
