//! Stored tuned configs: one file per machine, model and engine build.
//!
//! Invariants: a file is written atomically; a file with any other content than a tuned config is
//! skipped and reported.
//!
//! Does not do: choose (the planner does), or measure.

use std::path::Path;

use harmonic_fsutil::{Folder, WriteOptions};
use harmonic_types::{CurveKey, TunedConfig};

use crate::documents;
use crate::error::ProfileError;

/// Tuned configs in the `.json` files of `folder`; none if the folder does not exist. Files named by
/// [`update`] come last, so that the last of one key is the latest; the others are sorted by name.
///
/// # Errors
/// When the folder cannot be read.
pub fn stored(folder: &Path) -> Result<Folder<TunedConfig>, ProfileError> {
    documents::stored(folder, parse, |config| documents::file_name(&config.key))
}

/// Parses the file of a tuned config.
fn parse(text: &str) -> Result<TunedConfig, String> {
    let document: serde_json::Value =
        serde_json::from_str(text).map_err(|error| error.to_string())?;
    if document["schema"] != TunedConfig::SCHEMA {
        let expected = TunedConfig::SCHEMA;
        return Err(format!("invalid schema `{}`: expected \"{expected}\"", document["schema"]));
    }
    let config: TunedConfig =
        serde_json::from_value(document).map_err(|error| error.to_string())?;
    if config.parallel == 0 {
        return Err("invalid parallel `0`: expected at least 1".to_owned());
    }
    if let Some(threads) = config.threads
        && (threads.engine == 0 || threads.http == 0)
    {
        return Err("invalid threads `0`: expected at least 1".to_owned());
    }
    Ok(config)
}

/// Updates the tuned config of `key` in `folder` under a lock: `change` maps the stored config (`None`
/// if there is none or it is invalid) to the new one, which is returned.
///
/// # Errors
/// When it cannot be written; an older one is then preserved.
pub fn update(
    folder: &Path,
    key: &CurveKey,
    change: impl FnOnce(Option<TunedConfig>) -> TunedConfig,
) -> Result<TunedConfig, ProfileError> {
    let path = folder.join(documents::file_name(key));
    harmonic_fsutil::update(&path, WriteOptions::DOCUMENT, |bytes| {
        let text = bytes.and_then(|bytes| std::str::from_utf8(bytes).ok());
        let config = change(text.and_then(|text| parse(text).ok()));
        Ok((Some(documents::text(&path, &config)?), config))
    })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use harmonic_types::{
        Bytes, Divergence, Interval, KvLayout, KvType, Provenance, Threads, TuneAxis,
        TuneCandidate, TuneComparison,
    };

    use super::*;

    fn config() -> TunedConfig {
        let interval = Interval { mean: 698.5, ci95_low: Some(680.0), ci95_high: Some(717.0) };
        TunedConfig {
            schema: TunedConfig::SCHEMA.to_owned(),
            key: CurveKey {
                machine: "AMD EPYC 9R45".to_owned(),
                model: "smollm2:135m".to_owned(),
                digest: Some("b179".to_owned()),
                format: Some("BF16".to_owned()),
                engine: "llama.cpp/0.1.161".to_owned(),
                context: None,
            },
            parallel: 32,
            kv_layout: Some(KvLayout::Streams),
            threads: Some(Threads { engine: 2, http: 1 }),
            quantised_kv: None,
            comparisons: vec![TuneComparison {
                axis: TuneAxis::Formats,
                parallel: 32,
                present: 0,
                chosen: 0,
                candidates: vec![TuneCandidate {
                    format: "BF16".to_owned(),
                    digest: Some("b179".to_owned()),
                    weights_bytes: Bytes(269_060_544),
                    divergence: Some(Divergence { nats_per_token: 0.0012, tokens: 512 }),
                    kv_layout: KvLayout::Streams,
                    kv_type: KvType::F16,
                    threads: 2,
                    http_threads: 2,
                    tok_s: Some(interval),
                    reason: None,
                }],
            }],
            provenance: Provenance::Measured,
        }
    }

    fn store(folder: &Path, config: &TunedConfig) -> Result<TunedConfig, ProfileError> {
        update(folder, &config.key, |_| config.clone())
    }

    #[test]
    fn a_config_comes_back_as_it_was_stored_and_the_next_takes_its_place() {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join("tuned");
        assert_eq!(stored(&folder).unwrap(), Folder::default());
        store(&folder, &config()).unwrap();
        assert!(folder.join("AMD%20EPYC%209R45_smollm2%3A135m_llama.cpp%2F0.1.161.json").exists());
        assert_eq!(stored(&folder).unwrap().documents, [config()]);
        let mut later = config();
        later.key.digest = Some("ffff".to_owned());
        store(&folder, &later).unwrap();
        assert_eq!(stored(&folder).unwrap().documents, [later]);
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 2, "the config and its lock");
    }

    #[test]
    fn a_file_that_is_no_config_is_skipped_and_named_with_its_fault() {
        let refused = |text: String| {
            let folder = tempfile::tempdir().unwrap();
            fs::write(folder.path().join("bad.json"), text).unwrap();
            store(folder.path(), &config()).unwrap();
            let found = stored(folder.path()).unwrap();
            assert_eq!(found.documents, [config()]);
            let [skipped] = &found.skipped[..] else { panic!("{:?}", found.skipped) };
            assert!(skipped.path.ends_with("bad.json"), "{skipped:?}");
            skipped.reason.clone()
        };
        assert!(
            refused("{}".to_owned())
                .contains("invalid schema `null`: expected \"harmonic.setup/1\"")
        );
        let mut none = serde_json::to_value(config()).unwrap();
        none["threads"]["engine"] = 0.into();
        assert!(refused(none.to_string()).contains("invalid threads `0`"));
        none["parallel"] = 0.into();
        assert!(refused(none.to_string()).contains("invalid parallel `0`"));
    }

    #[test]
    fn what_cannot_be_written_is_said_with_its_path() {
        let home = tempfile::tempdir().unwrap();
        let file = home.path().join("file");
        fs::write(&file, "").unwrap();
        let error = store(&file, &config()).unwrap_err().to_string();
        assert!(error.starts_with("cannot create the folder") && error.contains("file"), "{error}");
    }
}
