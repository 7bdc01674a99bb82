//! Resumable download of one URL into `partial/`.
//!
//! Invariants: bytes are appended only to a prefix of the same file, as guaranteed by the entity
//! tag (`If-Range`) or the digest; free disk space is checked before the first byte and during the
//! download; a full disk leaves no file; no more bytes than stated are accepted; a stalled download
//! is aborted.

use std::io::{BufWriter, Write};
use std::time::Duration;

use harmonic_types::Bytes;
use reqwest::header::{ACCEPT_ENCODING, CONTENT_RANGE, ETAG, IF_RANGE, RANGE};
use reqwest::{Client, Response, StatusCode, Url};
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use crate::error::ModelError;
use crate::progress::ProgressSpan;
use crate::pull::Job;
use crate::pull::hub::{
    FileInfo, cause, header, status_message, timeout_message, unreachable_message,
};
use crate::pull::stall::{HEADER_TIMEOUT, StallDetector};
use crate::store::folder::PartialFile;
use crate::store::space;

/// Bytes between two checks of the free disk space.
const DISK_CHECK_INTERVAL: u64 = 64 << 20;

/// Maximum size of a resume info file, in bytes.
const MAX_RESUME_INFO: u64 = 64 << 10;

/// Download of one file.
pub(super) struct Download {
    /// The source.
    pub(super) url: Url,
    /// The target.
    pub(super) part: PartialFile,
    /// The file with the [`ResumeInfo`].
    pub(super) sidecar: PartialFile,
    /// Index from 0, and number of files.
    pub(super) position: (usize, usize),
}

/// Identity of the file that a partial file is a prefix of (`partial/<key>.json`).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct ResumeInfo {
    /// Strong entity tag.
    etag: Option<String>,
    /// sha256 of the complete file, as stated by the hub.
    digest: Option<String>,
}

/// Failure of one attempt.
enum AttemptError {
    /// A lost connection; the received bytes are a valid prefix.
    Interrupted(String),
    /// An error that a retry does not solve.
    Final(ModelError),
}

impl From<ModelError> for AttemptError {
    fn from(error: ModelError) -> Self {
        Self::Final(error)
    }
}

/// Downloads to `partial/`, with the number of retries in the options.
pub(super) async fn download(
    job: &Job<'_>,
    client: &Client,
    download: &Download,
    stated: &FileInfo,
) -> Result<(), ModelError> {
    let part = &download.part;
    let mut stall = StallDetector::new(job.options.stall_policy, Instant::now());
    let mut left = job.options.retries;
    loop {
        let before = part.length();
        match attempt(job, client, download, stated, &mut stall).await {
            Ok(()) => return Ok(()),
            Err(AttemptError::Final(error)) => return Err(error),
            Err(AttemptError::Interrupted(reason)) => {
                let arrived = Bytes(part.length());
                if left == 0 {
                    return Err(job.fetch_error(format!(
                        "{reason} after {arrived}; the partial file is kept, pull again to resume"
                    )));
                }
                // An attempt with progress does not count.
                if arrived.0 <= before {
                    left -= 1;
                }
                job.progress.note(&format!("{reason} after {arrived}; resuming"));
                tokio::time::sleep(Duration::from_millis(500)).await;
                check_stall(job, &mut stall, 0)?;
            }
        }
    }
}

async fn attempt(
    job: &Job<'_>,
    client: &Client,
    download: &Download,
    stated: &FileInfo,
    stall: &mut StallDetector,
) -> Result<(), AttemptError> {
    let Download { url, part, sidecar, .. } = download;
    let have = resumable(part, sidecar, stated);
    let mut request = client.get(url.clone()).header(ACCEPT_ENCODING, "identity");
    if have > 0 {
        request = request.header(RANGE, format!("bytes={have}-"));
        if let Some(etag) = read(sidecar).etag {
            request = request.header(IF_RANGE, etag);
        }
    }
    let response = tokio::time::timeout(HEADER_TIMEOUT, request.send())
        .await
        .map_err(|_| AttemptError::Interrupted(timeout_message(&job.options.hub_endpoint)))?
        .map_err(|error| {
            AttemptError::Interrupted(unreachable_message(&job.options.hub_endpoint, &error))
        })?;
    let have = match response.status() {
        StatusCode::PARTIAL_CONTENT if starts_at(&response) == Some(have) => have,
        StatusCode::OK => 0,
        // The file is complete, or the partial file is not a prefix of it.
        StatusCode::RANGE_NOT_SATISFIABLE if stated.size == Some(Bytes(have)) => return Ok(()),
        StatusCode::RANGE_NOT_SATISFIABLE | StatusCode::PARTIAL_CONTENT => {
            part.discard();
            return Err(AttemptError::Interrupted("the file has changed".to_owned()));
        }
        status if status.is_server_error() => {
            return Err(AttemptError::Interrupted(format!("the hub returned {status}")));
        }
        status => return Err(job.fetch_error(status_message(status)).into()),
    };
    let total = match response.content_length().map(|rest| Bytes(have.saturating_add(rest))) {
        Some(total) if stated.size.is_some_and(|stated| stated != total) => {
            part.discard();
            let stated = stated.size.unwrap_or(total);
            let reason = format!("the hub states the size {stated}, but would send {total}");
            return Err(job.fetch_error(reason).into());
        }
        sent => sent.or(stated.size),
    };
    let rest = total.map(|total| total.saturating_sub(Bytes(have)));
    let folder = job.store.partial()?;
    if let Some(rest) = rest {
        space::require(&job.target, folder.path(), rest)?;
    }
    // A weak tag does not guarantee equal bytes.
    let etag = header(&response, ETAG).filter(|etag| !etag.starts_with("W/"));
    write_resume_info(job, sidecar, &ResumeInfo { etag, digest: stated.digest.clone() })?;
    let written = receive(job, response, download, (have, total), stall).await?;
    match total {
        Some(total) if written < total.0 => Err(AttemptError::Interrupted(format!(
            "the connection ended at {} of {total}",
            Bytes(written)
        ))),
        _ => Ok(()),
    }
}

async fn receive(
    job: &Job<'_>,
    mut response: Response,
    download: &Download,
    (have, total): (u64, Option<Bytes>),
    stall: &mut StallDetector,
) -> Result<u64, AttemptError> {
    let part = &download.part;
    let full = |error| {
        part.discard();
        let needed = total.map(|total| total.saturating_sub(Bytes(have)));
        AttemptError::Final(space::write_error(&job.target, part.path(), needed, error))
    };
    let mut file = BufWriter::with_capacity(1 << 20, part.resume(have)?);
    let label = match download.position {
        (_, 1) => format!("downloading {}", job.name),
        (index, count) => format!("downloading {}, {} of {count}", job.name, index + 1),
    };
    let span = ProgressSpan::begin(job.progress, &label, total);
    let mut done = have;
    let mut checked_disk_at = have;
    span.advance(done);
    loop {
        match response.chunk().await {
            Ok(Some(bytes)) => {
                done = done.saturating_add(bytes.len() as u64);
                if let Some(total) = total.filter(|total| done > total.0) {
                    drop(file);
                    part.discard();
                    let reason = format!("the hub sends more than the stated {total}");
                    return Err(job.fetch_error(reason).into());
                }
                file.write_all(&bytes).map_err(full)?;
                span.advance(done);
                if let Err(error) = check_stall(job, stall, bytes.len() as u64) {
                    file.flush().map_err(full)?;
                    return Err(error.into());
                }
                if done - checked_disk_at >= DISK_CHECK_INTERVAL {
                    checked_disk_at = done;
                    file.flush().map_err(full)?;
                    let rest = total.map_or(Bytes::ZERO, |total| total.saturating_sub(Bytes(done)));
                    let folder = job.store.partial()?;
                    space::require(&job.target, folder.path(), rest)
                        .inspect_err(|_| part.discard())?;
                }
            }
            Ok(None) => break,
            Err(error) => {
                file.flush().map_err(full)?;
                return Err(AttemptError::Interrupted(format!(
                    "the connection broke ({})",
                    cause(&error)
                )));
            }
        }
    }
    file.flush().map_err(full)?;
    Ok(done)
}

/// Aborts a stalled download; the partial file is kept.
fn check_stall(job: &Job<'_>, stall: &mut StallDetector, bytes: u64) -> Result<(), ModelError> {
    stall.count(Instant::now(), bytes).map_err(|stalled| {
        job.fetch_error(format!("{stalled}; the partial file is kept, pull again to resume"))
    })
}

/// Length of the partial file, if it can be resumed.
fn resumable(part: &PartialFile, sidecar: &PartialFile, stated: &FileInfo) -> u64 {
    let info = read(sidecar);
    let same_digest = info.digest == stated.digest;
    let known = info.etag.is_some() || info.digest.is_some();
    let have = part.length();
    // A longer file is not a prefix.
    let fits = stated.size.is_none_or(|size| have <= size.0);
    if same_digest && known && fits { have } else { 0 }
}

/// The resume info; if unreadable, an empty one, so that the download restarts.
fn read(sidecar: &PartialFile) -> ResumeInfo {
    let bytes = sidecar.read(MAX_RESUME_INFO);
    bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default()
}

fn write_resume_info(
    job: &Job<'_>,
    sidecar: &PartialFile,
    beginning: &ResumeInfo,
) -> Result<(), ModelError> {
    let text = serde_json::to_vec(beginning).map_err(|error| job.fetch_error(error.to_string()))?;
    sidecar
        .create()?
        .write_all(&text)
        .map_err(|error| space::write_error(&job.target, sidecar.path(), None, error))
}

/// First byte of a partial response (`bytes 100-199/200`).
fn starts_at(response: &Response) -> Option<u64> {
    header(response, CONTENT_RANGE)?.strip_prefix("bytes ")?.split('-').next()?.parse().ok()
}
