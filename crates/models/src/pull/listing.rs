//! File listing of a repository on the hub, for the lookup of a quantisation.
//!
//! Invariants: the listing is bounded in pages, bytes and time; all pages are on the same host.

use std::time::Duration;

use reqwest::header::LINK;
use reqwest::{Client, Response, Url};
use serde::Deserialize;

use crate::error::ModelError;
use crate::pull::PullOptions;
use crate::pull::hub::{
    address, cause, client, invalid_endpoint, status_message, unreachable_message,
};
use crate::pull::redirects::same_host_policy;
use crate::quant;
use crate::source::Source;

/// Maximum pages of a listing, with 1,000 entries each.
const MAX_PAGES: u32 = 20;
/// Maximum size of a page.
const MAX_PAGE_BYTES: usize = 8 << 20;
/// Timeout of a page.
const PAGE_TIMEOUT: Duration = Duration::from_mins(1);

/// An entry of a listing: a file or a folder.
#[derive(Deserialize)]
struct Entry {
    #[serde(rename = "type")]
    kind: String,
    path: String,
}

/// The file of `source`, which is the quantisation `quant` of `repo`.
///
/// # Errors
/// If the hub is unreachable, or no file or several match; the error lists them.
pub(super) async fn resolve(
    options: &PullOptions,
    source: &Source,
    repo: &str,
    revision: Option<&str>,
    quant: Option<&str>,
) -> Result<Source, ModelError> {
    let failed = |reason: String| ModelError::Fetch { target: source.to_string(), reason };
    let files = files(options, repo, revision).await.map_err(failed)?;
    let files: Vec<&str> = files.iter().map(String::as_str).collect();
    let file = quant::select_file(&files, quant).map_err(failed)?;
    // The listing is untrusted: its paths must be within the repository.
    let revised = revision.map(|revision| format!("@{revision}")).unwrap_or_default();
    match format!("hf:{repo}{revised}/{file}").parse() {
        Ok(found @ Source::Hub { .. }) => Ok(found),
        _ => Err(failed(format!("the hub lists an invalid file name: {file:?}"))),
    }
}

/// Paths of all files.
async fn files(
    options: &PullOptions,
    repo: &str,
    revision: Option<&str>,
) -> Result<Vec<String>, String> {
    let endpoint = &options.hub_endpoint;
    let mut path = vec!["api", "models"];
    path.extend(repo.split('/'));
    path.extend(["tree", revision.unwrap_or("main")]);
    let mut url = address(endpoint, &path).ok_or_else(|| invalid_endpoint(endpoint))?;
    url.set_query(Some("recursive=true"));
    let client =
        client(options, same_host_policy(url.clone())).map_err(|error| error.to_string())?;
    let mut files = Vec::new();
    for _ in 0..MAX_PAGES {
        let asked = tokio::time::timeout(PAGE_TIMEOUT, page(endpoint, &client, url.clone()));
        let (entries, next) = asked.await.map_err(|_| {
            format!("{endpoint} did not send the file list within {} s", PAGE_TIMEOUT.as_secs())
        })??;
        let of_files = entries.into_iter().filter(|entry| entry.kind == "file");
        files.extend(of_files.map(|entry| entry.path));
        match next.filter(|next| next.origin() == url.origin()) {
            Some(next) => url = next,
            None => return Ok(files),
        }
    }
    Err(format!("it has more than {MAX_PAGES} pages of files: state one as hf:ORG/REPO/FILE"))
}

async fn page(
    endpoint: &str,
    client: &Client,
    url: Url,
) -> Result<(Vec<Entry>, Option<Url>), String> {
    let sent = client.get(url).send().await;
    let mut response = sent.map_err(|error| unreachable_message(endpoint, &error))?;
    if !response.status().is_success() {
        return Err(status_message(response.status()));
    }
    let next = next(&response);
    let mut bytes = Vec::new();
    while let Some(more) = response.chunk().await.map_err(|error| cause(&error))? {
        bytes.extend_from_slice(&more);
        if bytes.len() > MAX_PAGE_BYTES {
            return Err(format!("{endpoint} sent a file list above {} MiB", MAX_PAGE_BYTES >> 20));
        }
    }
    let entries = serde_json::from_slice(&bytes)
        .map_err(|error| format!("{endpoint} sent an invalid file list: {error}"))?;
    Ok((entries, next))
}

/// The next page, from the header `Link: <https://…>; rel="next"`.
fn next(response: &Response) -> Option<Url> {
    let link = response.headers().get(LINK)?.to_str().ok()?;
    let (address, _) = link.split_once('<')?.1.split_once(">; rel=\"next\"")?;
    response.url().join(address).ok()
}
