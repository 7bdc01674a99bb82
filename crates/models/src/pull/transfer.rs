//! Bringing the bytes of one URL into `partial/`, resuming what is there.
//!
//! Invariants: bytes are appended only to a beginning of the same file, which the entity tag
//! (`If-Range`) or the digest guarantees; the disk is asked for the rest before its first byte is
//! written; a full disk leaves nothing behind.

use std::fs::{self, File, OpenOptions};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use harmonic_types::Bytes;
use reqwest::header::{ACCEPT_ENCODING, CONTENT_RANGE, ETAG, IF_RANGE, RANGE};
use reqwest::{Client, Response, StatusCode, Url};
use serde::{Deserialize, Serialize};

use crate::error::ModelError;
use crate::progress::Span;
use crate::pull::Job;
use crate::pull::hub::{Stated, cause, header, refused, unreachable};
use crate::store::{discard, space};

/// What an unfinished file is the beginning of (`partial/<key>.json`).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Beginning {
    /// Strong entity tag under which its bytes came.
    etag: Option<String>,
    /// sha256 of the whole, as the hub stated it.
    digest: Option<String>,
}

/// Why one attempt ended early.
enum Stop {
    /// The connection broke: what has arrived is a good beginning.
    Broken(String),
    /// Nothing more can be done.
    Final(ModelError),
}

impl From<ModelError> for Stop {
    fn from(error: ModelError) -> Self {
        Self::Final(error)
    }
}

/// Downloads to `partial/`, trying again as often as the options say.
pub(super) async fn download(
    job: &Job<'_>,
    client: &Client,
    url: Url,
    stated: &Stated,
) -> Result<PathBuf, ModelError> {
    let path = job.partial("part")?;
    let mut left = job.options.retries;
    loop {
        let before = length(&path);
        match attempt(job, client, &url, stated, &path).await {
            Ok(()) => return Ok(path),
            Err(Stop::Final(error)) => return Err(error),
            Err(Stop::Broken(reason)) => {
                let arrived = Bytes(length(&path));
                if left == 0 {
                    return Err(job.fetch_error(format!(
                        "{reason} after {arrived}; what has arrived is kept, pull again to resume"
                    )));
                }
                // An attempt that brought something costs nothing.
                if arrived.0 <= before {
                    left -= 1;
                }
                job.progress.note(&format!("{reason} after {arrived}; resuming"));
                tokio::time::sleep(Duration::from_millis(500)).await;
            }
        }
    }
}

async fn attempt(
    job: &Job<'_>,
    client: &Client,
    url: &Url,
    stated: &Stated,
    path: &Path,
) -> Result<(), Stop> {
    let sidecar = job.partial("json")?;
    let have = resumable(path, &sidecar, stated);
    let mut request = client.get(url.clone()).header(ACCEPT_ENCODING, "identity");
    if have > 0 {
        request = request.header(RANGE, format!("bytes={have}-"));
        if let Some(etag) = read(&sidecar).etag {
            request = request.header(IF_RANGE, etag);
        }
    }
    let response = request
        .send()
        .await
        .map_err(|error| Stop::Broken(unreachable(&job.options.hub_endpoint, &error)))?;
    let have = match response.status() {
        StatusCode::PARTIAL_CONTENT if starts_at(&response) == Some(have) => have,
        StatusCode::OK => 0,
        // Nothing is left to send, or what we have is not a beginning of it.
        StatusCode::RANGE_NOT_SATISFIABLE if stated.size == Some(Bytes(have)) => return Ok(()),
        StatusCode::RANGE_NOT_SATISFIABLE | StatusCode::PARTIAL_CONTENT => {
            discard(path);
            return Err(Stop::Broken("the file has changed".to_owned()));
        }
        status if status.is_server_error() => {
            return Err(Stop::Broken(format!("the hub answered {status}")));
        }
        status => return Err(job.fetch_error(refused(status)).into()),
    };
    let total = response.content_length().map(|rest| Bytes(have + rest)).or(stated.size);
    let rest = total.map(|total| total.saturating_sub(Bytes(have)));
    let folder = job.store.partial()?;
    if let Some(rest) = rest {
        space::require(&job.target, &folder, rest)?;
    }
    // A tag that is only weakly equal does not promise equal bytes.
    let etag = header(&response, ETAG).filter(|etag| !etag.starts_with("W/"));
    note_beginning(job, &sidecar, &Beginning { etag, digest: stated.digest.clone() })?;
    let written = receive(job, response, path, have, total).await?;
    match total {
        Some(total) if written < total.0 => {
            Err(Stop::Broken(format!("the connection ended at {} of {total}", Bytes(written))))
        }
        _ => Ok(()),
    }
}

async fn receive(
    job: &Job<'_>,
    mut response: Response,
    path: &Path,
    have: u64,
    total: Option<Bytes>,
) -> Result<u64, Stop> {
    let full = |error| {
        discard(path);
        let needed = total.map(|total| total.saturating_sub(Bytes(have)));
        Stop::Final(space::write_error(&job.target, path, needed, error))
    };
    let mut file = open(path, have)?;
    let span = Span::begin(job.progress, &format!("downloading {}", job.name), total);
    let mut done = have;
    span.advance(done);
    loop {
        match response.chunk().await {
            Ok(Some(bytes)) => {
                file.write_all(&bytes).map_err(full)?;
                done += bytes.len() as u64;
                span.advance(done);
            }
            Ok(None) => break,
            Err(error) => {
                file.flush().map_err(full)?;
                return Err(Stop::Broken(format!("the connection broke ({})", cause(&error))));
            }
        }
    }
    file.flush().map_err(full)?;
    Ok(done)
}

fn open(path: &Path, have: u64) -> Result<BufWriter<File>, ModelError> {
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(path)
        .and_then(|file| file.set_len(have).map(|()| file))
        .and_then(|mut file| {
            std::io::Seek::seek(&mut file, std::io::SeekFrom::Start(have)).map(|_| file)
        })
        .map_err(ModelError::io("write", path))?;
    Ok(BufWriter::with_capacity(1 << 20, file))
}

/// Bytes of an unfinished file that are worth keeping.
fn resumable(path: &Path, sidecar: &Path, stated: &Stated) -> u64 {
    let beginning = read(sidecar);
    let same_digest = beginning.digest == stated.digest;
    let known = beginning.etag.is_some() || beginning.digest.is_some();
    if same_digest && known { length(path) } else { 0 }
}

fn length(path: &Path) -> u64 {
    fs::metadata(path).map_or(0, |about| about.len())
}

/// An unreadable note is no note: the download starts anew.
fn read(sidecar: &Path) -> Beginning {
    fs::read(sidecar).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default()
}

fn note_beginning(job: &Job<'_>, sidecar: &Path, beginning: &Beginning) -> Result<(), ModelError> {
    let text = serde_json::to_vec(beginning).map_err(|error| job.fetch_error(error.to_string()))?;
    fs::write(sidecar, text).map_err(|error| space::write_error(&job.target, sidecar, None, error))
}

/// First byte of a partial answer (`bytes 100-199/200`).
fn starts_at(response: &Response) -> Option<u64> {
    header(response, CONTENT_RANGE)?.strip_prefix("bytes ")?.split('-').next()?.parse().ok()
}
