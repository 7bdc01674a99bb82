//! What a pull would transfer, asked before the user agrees to it: the size that the source states,
//! the bytes of it that are here already, and the rate at which the source sends now.
//!
//! Invariants: a measurement reads at most [`MAX_SAMPLE`], for at most [`SAMPLE_TIME`] after the
//! first bytes, and all answers of a source are awaited for at most `PATIENCE`; nothing is
//! written.
//!
//! Does not do: rates of package indexes, whose address only pip knows.

use std::time::Duration;

use harmonic_types::{Bytes, BytesPerSecond};
use reqwest::header::{ACCEPT_ENCODING, RANGE};
use reqwest::{StatusCode, Url};
use tokio::time::{Instant, timeout};

use crate::catalog::{self, Origin};
use crate::error::ModelError;
use crate::progress::NoProgress;
use crate::pull::redirects::follow_policy;
use crate::pull::{Job, PullOptions, hub, listing, partial_name, shard_ending};
use crate::shards::ShardName;
use crate::source::Source;
use crate::store::Store;

/// Maximum bytes of a measurement.
pub const MAX_SAMPLE: Bytes = Bytes(16_000_000);

/// Maximum duration of a measurement.
pub const SAMPLE_TIME: Duration = Duration::from_millis(1500);

/// Fewer bytes in less time say nothing about the rate: the first ones come in a burst.
const MIN_SAMPLE: Bytes = Bytes(256_000);

/// Timeout of one source.
const PATIENCE: Duration = Duration::from_secs(8);

/// Rate of a source, measured now.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MeasuredRate {
    /// The rate.
    pub rate: BytesPerSecond,
    /// Bytes of the measurement.
    pub bytes: Bytes,
}

/// Bytes of `source` that an interrupted pull has left in the store.
pub fn partial_bytes(store: &Store, source: &Source) -> Bytes {
    origins(source)
        .iter()
        .map(|origin| partial_bytes_of(store, &origin.source))
        .max()
        .unwrap_or_default()
}

/// Size of `source` in bytes, as the hub states it; `None` if it does not, or for other sources.
///
/// # Errors
/// If the hub is unreachable or has no such file.
pub async fn stated_size(
    store: &Store,
    source: &Source,
    options: &PullOptions,
) -> Result<Option<Bytes>, ModelError> {
    patiently(source, async {
        let Some((origin, file)) = hub_file(source, options).await? else { return Ok(None) };
        let job = job(store, &origin, options);
        let (repo, revision, file) = &file;
        let infos = hub::stated(&job, repo, revision.as_deref(), file).await?;
        Ok(hub::total_size(&infos))
    })
    .await
}

/// Rate at which the hub sends the first bytes of `source` now; `None` for other sources, and for
/// one that sends too little to tell.
///
/// # Errors
/// If the hub is unreachable or has no such file.
pub async fn measure_rate(
    store: &Store,
    source: &Source,
    options: &PullOptions,
) -> Result<Option<MeasuredRate>, ModelError> {
    patiently(source, async {
        let Some((origin, (repo, revision, file))) = hub_file(source, options).await? else {
            return Ok(None);
        };
        let job = job(store, &origin, options);
        let url =
            hub::address(&options.hub_endpoint, &hub::path_of(&repo, revision.as_deref(), &file))
                .ok_or_else(|| job.fetch_error(hub::invalid_endpoint(&options.hub_endpoint)))?;
        sample(&job, url).await
    })
    .await
}

async fn patiently<T>(
    source: &Source,
    work: impl Future<Output = Result<T, ModelError>>,
) -> Result<T, ModelError> {
    timeout(PATIENCE, work).await.unwrap_or_else(|_| {
        let reason = format!("it did not respond within {} s", PATIENCE.as_secs());
        Err(ModelError::Fetch { target: source.to_string(), reason })
    })
}

/// Reads the beginning of a file, and discards it.
async fn sample(job: &Job<'_>, url: Url) -> Result<Option<MeasuredRate>, ModelError> {
    let endpoint = &job.options.hub_endpoint;
    let failed =
        |error: reqwest::Error| job.fetch_error(hub::unreachable_message(endpoint, &error));
    let client = hub::client(job.options, follow_policy(url.clone()))?;
    let request = client
        .get(url)
        .header(ACCEPT_ENCODING, "identity")
        .header(RANGE, format!("bytes=0-{}", MAX_SAMPLE.0 - 1));
    let mut response = request.send().await.map_err(failed)?;
    if !matches!(response.status(), StatusCode::OK | StatusCode::PARTIAL_CONTENT) {
        return Err(job.fetch_error(hub::status_message(response.status())));
    }
    // The first bytes are not counted: their time is that of the connection.
    if response.chunk().await.map_err(failed)?.is_none() {
        return Ok(None);
    }
    let began = Instant::now();
    let mut bytes = Bytes::ZERO;
    // A server without ranges sends the whole file.
    while bytes < MAX_SAMPLE {
        let Some(left) = SAMPLE_TIME.checked_sub(began.elapsed()) else { break };
        match timeout(left, response.chunk()).await {
            Ok(chunk) => match chunk.map_err(failed)? {
                Some(chunk) => bytes += Bytes(chunk.len() as u64),
                None => break,
            },
            Err(_) => break,
        }
    }
    let took = began.elapsed();
    let is_telling = bytes >= MIN_SAMPLE || (took >= SAMPLE_TIME && bytes > Bytes::ZERO);
    let rate = BytesPerSecond(bytes.0 as f64 / took.as_secs_f64().max(f64::MIN_POSITIVE));
    Ok(is_telling.then_some(MeasuredRate { rate, bytes }))
}

/// Repository, revision and path of a file on the hub.
type HubFile = (String, Option<String>, String);

/// The file of `source` on the hub; `None` if it is not there.
async fn hub_file(
    source: &Source,
    options: &PullOptions,
) -> Result<Option<(Origin, HubFile)>, ModelError> {
    for origin in origins(source) {
        let found = match &origin.source {
            Source::Quant { repo, revision, quant } => {
                listing::resolve(options, source, repo, revision.as_deref(), quant.as_deref())
                    .await?
            }
            other => other.clone(),
        };
        if let Source::Hub { repo, revision, file } = found {
            return Ok(Some((origin, (repo, revision, file))));
        }
    }
    Ok(None)
}

/// The source itself, or those of a name of the catalog.
fn origins(source: &Source) -> Vec<Origin> {
    match source {
        Source::Name(name) => catalog::find(name).map(|entry| entry.origins).unwrap_or_default(),
        other => {
            vec![Origin { source: other.clone(), sha256: None, size: None, download: None }]
        }
    }
}

fn job<'a>(store: &'a Store, origin: &'a Origin, options: &'a PullOptions) -> Job<'a> {
    let target = origin.source.to_string();
    Job { store, origin, name: "", target, options, progress: &NoProgress }
}

fn partial_bytes_of(store: &Store, source: &Source) -> Bytes {
    let Source::Hub { file, .. } = source else { return Bytes::ZERO };
    let target = source.to_string();
    let shards = ShardName::of(file).map_or(1, |shard| shard.count as usize);
    let length = |index| store.partial_length(&partial_name(&target, &shard_ending(index, "part")));
    Bytes((0..shards).map(length).fold(0, u64::saturating_add))
}
