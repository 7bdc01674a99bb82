//! Download from a Hugging Face repository, or from a compatible mirror.
//!
//! A HEAD request returns size and digest (`x-linked-size`, `x-linked-etag`; the latter is the
//! sha256 of a large file), then [`transfer`] downloads the bytes.

use std::time::Duration;

use harmonic_types::Bytes;
use reqwest::header::{AUTHORIZATION, CONTENT_LENGTH, ETAG, HeaderMap, HeaderValue};
use reqwest::redirect::Policy;
use reqwest::{Client, Response, StatusCode, Url};

use crate::error::ModelError;
use crate::pull::redirects::{follow_policy, is_loopback, same_host_policy};
use crate::pull::stall::HEADER_TIMEOUT;
use crate::pull::{FetchedFile, Job, PullOptions, transfer};
use crate::shards::{ShardName, require_first};
use crate::store::space;

/// Facts about a file, stated by the hub before the download.
pub(super) struct FileInfo {
    /// sha256, if stated.
    pub(super) digest: Option<String>,
    /// Length, if stated.
    pub(super) size: Option<Bytes>,
}

/// Downloads the file, with its further shards, resuming an earlier pull.
pub(super) async fn fetch(
    job: &Job<'_>,
    repo: &str,
    revision: Option<&str>,
    file: &str,
) -> Result<Vec<FetchedFile>, ModelError> {
    let infos = stated(job, repo, revision, file).await?;
    let total = total_size(&infos);
    let mut fetched = Vec::new();
    let count = infos.len();
    if let Some(total) = total.filter(|_| count > 1) {
        // Partial files of an earlier pull are already on the disk.
        let mut here = 0_u64;
        for index in 0..count {
            here = here.saturating_add(job.shard(index, "part")?.length());
        }
        let rest = total.saturating_sub(Bytes(here));
        space::require(&job.target, job.store.partial()?.path(), rest)?;
    }
    for (index, (url, stated)) in infos.into_iter().enumerate() {
        if let (Some(expected), Some(found)) = (job.origin.sha256, &stated.digest)
            && expected != found
        {
            // Detected before gigabytes are downloaded.
            let (expected, found) = (expected.to_owned(), found.clone());
            return Err(ModelError::WrongDigest { target: job.target.clone(), expected, found });
        }
        let client = client(job.options, follow_policy(url.clone()))?;
        let file = transfer::Download {
            part: job.shard(index, "part")?,
            sidecar: job.shard(index, "json")?,
            url,
            position: (index, count),
        };
        transfer::download(job, &client, &file, &stated).await?;
        fetched.push(FetchedFile { part: file.part, digest: stated.digest });
    }
    Ok(fetched)
}

/// The URLs of the file and its further shards, with what the hub states of each.
pub(super) async fn stated(
    job: &Job<'_>,
    repo: &str,
    revision: Option<&str>,
    file: &str,
) -> Result<Vec<(Url, FileInfo)>, ModelError> {
    let files = match ShardName::of(file).filter(|shard| shard.count > 1) {
        Some(shard) => require_first(&shard, &job.target).map(|()| shard.all())?,
        None => vec![file.to_owned()],
    };
    let mut infos = Vec::new();
    for file in &files {
        let url = address(&job.options.hub_endpoint, &path_of(repo, revision, file))
            .ok_or_else(|| job.fetch_error(invalid_endpoint(&job.options.hub_endpoint)))?;
        let of_set = |error| match error {
            ModelError::Fetch { target, reason } if files.len() > 1 => {
                ModelError::Fetch { target, reason: format!("{file}: {reason}") }
            }
            other => other,
        };
        let stated = query(job, &url).await.map_err(of_set)?;
        infos.push((url, stated));
    }
    Ok(infos)
}

/// Sum of the stated sizes; `None` if one is not stated.
pub(super) fn total_size(infos: &[(Url, FileInfo)]) -> Option<Bytes> {
    infos
        .iter()
        .try_fold(Bytes::ZERO, |total, (_, info)| Some(Bytes(total.0.saturating_add(info.size?.0))))
}

/// Path segments of a file's URL.
pub(super) fn path_of<'a>(repo: &'a str, revision: Option<&'a str>, file: &'a str) -> Vec<&'a str> {
    let mut path: Vec<&str> = repo.split('/').collect();
    path.extend(["resolve", revision.unwrap_or("main")]);
    path.extend(file.split('/'));
    path
}

/// The error of an invalid endpoint.
pub(super) fn invalid_endpoint(endpoint: &str) -> String {
    format!("invalid hub address `{endpoint}`: expected https://HOST")
}

/// A URL of the hub; each element of `path` becomes one segment, escaped.
pub(super) fn address(endpoint: &str, path: &[&str]) -> Option<Url> {
    let mut url = Url::parse(endpoint).ok().filter(Url::has_host)?;
    url.path_segments_mut().ok()?.pop_if_empty().extend(path);
    Some(url)
}

/// A client of the hub with the policy `redirects`.
pub(super) fn client(options: &PullOptions, redirects: Policy) -> Result<Client, ModelError> {
    // Fails only if a provider is already installed, which is then used.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let failed =
        |reason: String| ModelError::Fetch { target: options.hub_endpoint.clone(), reason };
    let mut headers = HeaderMap::new();
    if let Some(token) = &options.hub_token {
        let mut value = HeaderValue::from_str(&format!("Bearer {token}"))
            .map_err(|_| failed("the hub token contains invalid characters".to_owned()))?;
        value.set_sensitive(true);
        headers.insert(AUTHORIZATION, value);
    }
    let builder = Client::builder();
    // A hub on this machine is not accessed through a proxy.
    let here = Url::parse(&options.hub_endpoint).is_ok_and(|url| is_loopback(&url));
    let builder = if here { builder.no_proxy() } else { builder };
    builder
        .user_agent(concat!("harmonic/", env!("CARGO_PKG_VERSION")))
        .default_headers(headers)
        .redirect(redirects)
        .connect_timeout(Duration::from_secs(10))
        .read_timeout(Duration::from_secs(30))
        .build()
        .map_err(|error| failed(format!("no HTTP client: {}", cause(&error))))
}

/// Size and digest of a file. They are in the hub's response, not in that of the storage it
/// redirects to, so redirects to another host are not followed.
async fn query(job: &Job<'_>, url: &Url) -> Result<FileInfo, ModelError> {
    let unreachable =
        |error| job.fetch_error(unreachable_message(&job.options.hub_endpoint, &error));
    let asked = client(job.options, same_host_policy(url.clone()))?.head(url.clone()).send();
    let answer = tokio::time::timeout(HEADER_TIMEOUT, asked)
        .await
        .map_err(|_| job.fetch_error(timeout_message(&job.options.hub_endpoint)))?
        .map_err(unreachable)?;
    let status = answer.status();
    if status.is_client_error() && status != StatusCode::METHOD_NOT_ALLOWED {
        return Err(job.fetch_error(status_message(status)));
    }
    let text = |name: &str| answer.headers().get(name).and_then(|value| value.to_str().ok());
    let size = text("x-linked-size")
        .or_else(|| text(CONTENT_LENGTH.as_str()).filter(|_| status.is_success()));
    Ok(FileInfo {
        digest: text("x-linked-etag").or(text(ETAG.as_str())).and_then(sha256_of),
        // A response without a body may state the length 0, which is not that of the file.
        size: size.and_then(|size| size.parse().ok()).filter(|size| *size > 0).map(Bytes),
    })
}

/// The sha256 in an entity tag; small files have other tags.
fn sha256_of(etag: &str) -> Option<String> {
    let tag = etag.trim_start_matches("W/").trim_matches('"');
    let is_digest = tag.len() == 64 && tag.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_digest.then(|| tag.to_ascii_lowercase())
}

/// The error of an HTTP status, with its remedy.
pub(super) fn status_message(status: StatusCode) -> String {
    match status {
        StatusCode::NOT_FOUND => {
            "the hub has no such file (404): check the repository, the revision and the file name"
                .to_owned()
        }
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => format!(
            "the hub refuses access ({status}): accept the model's terms on its page and set \
             HF_TOKEN, or check that the repository exists"
        ),
        StatusCode::TOO_MANY_REQUESTS => {
            "the hub limits requests (429): try again later, or set HF_TOKEN".to_owned()
        }
        other => format!("the hub returned {other}"),
    }
}

/// The error of an unreachable endpoint.
pub(super) fn unreachable_message(endpoint: &str, error: &reqwest::Error) -> String {
    format!("{endpoint} cannot be reached: {}", cause(error))
}

/// The error of a response whose headers are late.
pub(super) fn timeout_message(endpoint: &str) -> String {
    format!("{endpoint} did not respond within {} s", HEADER_TIMEOUT.as_secs())
}

/// The innermost cause; reqwest's messages only name the layer and repeat the URL.
pub(super) fn cause(error: &reqwest::Error) -> String {
    let mut innermost: &dyn std::error::Error = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    if error.is_timeout() { "timeout".to_owned() } else { innermost.to_string() }
}

/// A header of the response as text.
pub(super) fn header(response: &Response, name: reqwest::header::HeaderName) -> Option<String> {
    response.headers().get(name)?.to_str().ok().map(str::to_owned)
}
