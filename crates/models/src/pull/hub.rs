//! A file of a Hugging Face repository, or of a mirror that speaks the same.
//!
//! Asks with HEAD for size and digest (`x-linked-size`, `x-linked-etag`; the latter is the sha256
//! of a large file), then lets [`transfer`] bring the bytes.

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

/// What the hub says of a file before sending it.
pub(super) struct FileInfo {
    /// sha256, where the hub states one.
    pub(super) digest: Option<String>,
    /// Length in bytes.
    pub(super) size: Option<Bytes>,
}

/// Downloads the file, with its further shards, resuming what an earlier pull has left.
pub(super) async fn fetch(
    job: &Job<'_>,
    repo: &str,
    revision: Option<&str>,
    file: &str,
) -> Result<Vec<FetchedFile>, ModelError> {
    let files = match ShardName::of(file).filter(|shard| shard.count > 1) {
        Some(shard) => require_first(&shard, &job.target).map(|()| shard.all())?,
        None => vec![file.to_owned()],
    };
    let mut download = Vec::new();
    let mut total = Some(Bytes::ZERO);
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
        total = total.zip(stated.size).map(|(total, size)| Bytes(total.0.saturating_add(size.0)));
        download.push((url, stated));
    }
    let mut fetched = Vec::new();
    if let Some(total) = total.filter(|_| files.len() > 1) {
        // What has arrived of them already is on the disk.
        let mut here = 0_u64;
        for index in 0..files.len() {
            here = here.saturating_add(job.shard(index, "part")?.length());
        }
        let rest = total.saturating_sub(Bytes(here));
        space::require(&job.target, job.store.partial()?.path(), rest)?;
    }
    for (index, (url, stated)) in download.into_iter().enumerate() {
        if let (Some(expected), Some(found)) = (job.origin.sha256, &stated.digest)
            && expected != found
        {
            // Known before gigabytes have travelled.
            let (expected, found) = (expected.to_owned(), found.clone());
            return Err(ModelError::WrongDigest { target: job.target.clone(), expected, found });
        }
        let client = client(job.options, follow_policy(url.clone()))?;
        let file = transfer::Download {
            part: job.shard(index, "part")?,
            sidecar: job.shard(index, "json")?,
            url,
            position: (index, files.len()),
        };
        transfer::download(job, &client, &file, &stated).await?;
        fetched.push(FetchedFile { part: file.part, digest: stated.digest });
    }
    Ok(fetched)
}

/// The parts of the path of a file's address.
fn path_of<'a>(repo: &'a str, revision: Option<&'a str>, file: &'a str) -> Vec<&'a str> {
    let mut path: Vec<&str> = repo.split('/').collect();
    path.extend(["resolve", revision.unwrap_or("main")]);
    path.extend(file.split('/'));
    path
}

/// What is said of an endpoint that is none.
pub(super) fn invalid_endpoint(endpoint: &str) -> String {
    format!("`{endpoint}` is no hub address: use https://HOST")
}

/// An address of the hub. Each part is one, whatever is in it.
pub(super) fn address(endpoint: &str, path: &[&str]) -> Option<Url> {
    let mut url = Url::parse(endpoint).ok().filter(Url::has_host)?;
    url.path_segments_mut().ok()?.pop_if_empty().extend(path);
    Some(url)
}

/// A client of the hub that goes where `redirects` let it.
pub(super) fn client(options: &PullOptions, redirects: Policy) -> Result<Client, ModelError> {
    // Fails only where a provider is installed already, which then serves as well.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let failed =
        |reason: String| ModelError::Fetch { target: options.hub_endpoint.clone(), reason };
    let mut headers = HeaderMap::new();
    if let Some(token) = &options.hub_token {
        let mut value = HeaderValue::from_str(&format!("Bearer {token}"))
            .map_err(|_| failed("the hub token has characters that no token has".to_owned()))?;
        value.set_sensitive(true);
        headers.insert(AUTHORIZATION, value);
    }
    let builder = Client::builder();
    // A hub on this machine is never behind the proxy of the network.
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

/// Size and digest stand in the hub's own answer, not in that of the store it redirects to; so
/// redirects to another host are not followed here.
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
        // An answer without a body may state the length 0, which says nothing of the file.
        size: size.and_then(|size| size.parse().ok()).filter(|size| *size > 0).map(Bytes),
    })
}

/// An entity tag that is a sha256; small files have other tags.
fn sha256_of(etag: &str) -> Option<String> {
    let tag = etag.trim_start_matches("W/").trim_matches('"');
    let is_digest = tag.len() == 64 && tag.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_digest.then(|| tag.to_ascii_lowercase())
}

/// What a refusal means to the person who asked.
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
            "the hub asks to wait (429): try again later, or set HF_TOKEN".to_owned()
        }
        other => format!("the hub answered {other}"),
    }
}

/// Why no answer came.
pub(super) fn unreachable_message(endpoint: &str, error: &reqwest::Error) -> String {
    format!("{endpoint} cannot be reached: {}", cause(error))
}

/// What is said of a hub whose answer does not begin.
pub(super) fn timeout_message(endpoint: &str) -> String {
    format!("{endpoint} did not begin its answer within {} s", HEADER_TIMEOUT.as_secs())
}

/// The innermost cause: reqwest's own words only name the layer and repeat the address.
pub(super) fn cause(error: &reqwest::Error) -> String {
    let mut innermost: &dyn std::error::Error = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    if error.is_timeout() { "no answer in time".to_owned() } else { innermost.to_string() }
}

/// The response's header as text.
pub(super) fn header(response: &Response, name: reqwest::header::HeaderName) -> Option<String> {
    response.headers().get(name)?.to_str().ok().map(str::to_owned)
}
