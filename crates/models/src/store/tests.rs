//! The store: records, names, removal.

use std::fs;

use harmonic_types::Bytes;
use proptest::prelude::*;
use sha2::{Digest, Sha256};
use tempfile::TempDir;

use crate::catalog;
use crate::error::ModelError;
use crate::gguf::TensorType;
use crate::gguf::synthetic::GgufBuilder;
use crate::store::lock::Lock;
use crate::store::record::file_stem;
use crate::store::{ConvertedFrom, Record, Store};

fn store() -> (TempDir, Store) {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::new(folder.path().join("models"));
    (folder, store)
}

fn put(store: &Store, name: &str, source: &str, bytes: &[u8]) -> Record {
    let partial = store.partial().expect("a folder").file("x.part");
    fs::write(partial.path(), bytes).expect("written");
    let record = Record {
        schema: Record::SCHEMA.to_owned(),
        name: name.to_owned(),
        digest: hex::encode(Sha256::digest(bytes)),
        size: Bytes(bytes.len() as u64),
        shards: Vec::new(),
        source: source.to_owned(),
        format: "Q4_1".to_owned(),
        converted_from: None,
        runs_as: None,
    };
    store.add(&[partial], &record).expect("admitted");
    record
}

#[test]
fn free_space_is_known_before_the_store_is_created() {
    let (folder, store) = store();
    assert!(!store.root().exists());
    let free = store.free().expect("a disk");
    assert!(free > Bytes::ZERO);
    assert!(!store.root().exists(), "asking makes nothing: {}", folder.path().display());
}

#[test]
fn an_empty_store_is_not_an_error() {
    let (_folder, store) = store();
    assert!(store.list().expect("listed").models.is_empty());
    assert!(store.find("smollm2:135m").expect("looked up").is_none());
    let error = store.remove("smollm2:135m").expect_err("nothing to remove").to_string();
    insta::assert_snapshot!(error, @"the model `smollm2:135m` is not in the store: `harmonic models list` shows the available models, `harmonic models pull smollm2:135m` downloads it");
}

#[test]
fn a_model_is_found_by_name_and_by_source() {
    let (_folder, store) = store();
    let record = put(&store, "a:b", "hf:o/r/f.gguf", &GgufBuilder::tiny().bytes());
    for name in ["a:b", "hf:o/r/f.gguf"] {
        let file = store.find(name).expect("looked up").expect("there");
        assert_eq!((file.name.as_str(), file.digest.as_ref()), ("a:b", Some(&record.digest)));
        assert!(file.path.ends_with(format!("blobs/sha256-{}.gguf", record.digest)));
    }
    assert!(store.find("hf:o/r/other.gguf").expect("looked up").is_none());
    let error = store.check_name("a:b", "hf:o/r/other.gguf").expect_err("taken");
    assert!(matches!(error, ModelError::NameTaken { .. }), "{error}");
}

#[test]
fn a_file_is_removed_with_its_last_name() {
    let (_folder, store) = store();
    let bytes = GgufBuilder::tiny().bytes();
    let record = put(&store, "one", "hf:o/r/one.gguf", &bytes);
    put(&store, "two", "hf:o/r/two.gguf", &bytes);
    let blob = store.blob_paths(&record).remove(0);
    let removed = store.remove("one").expect("removed");
    assert_eq!((removed.freed, removed.shared_with), (Bytes::ZERO, vec!["two".to_owned()]));
    assert!(blob.exists() && store.find("two").expect("looked up").is_some());
    assert_eq!(store.remove("two").expect("removed").freed, Bytes(bytes.len() as u64));
    assert!(!blob.exists());
}

#[test]
fn a_conversion_is_used_and_removed_with_its_original() {
    let (_folder, store) = store();
    let mut original = put(&store, "m", "hf:o/r/m.gguf", &GgufBuilder::tiny().bytes());
    let converted = GgufBuilder::tiny().matrix("more", &[64, 64], TensorType::BF16).bytes();
    let mut converted = put(&store, "m-bf16", "hf:o/r/m.gguf", &converted);
    original.runs_as = Some("m-bf16".to_owned());
    store.update_record(&original).expect("written");
    let stranger = store.find("m").expect("looked up").expect("there");
    assert_eq!(stranger.digest.as_ref(), Some(&original.digest), "not recorded as its conversion");
    converted.converted_from = Some(ConvertedFrom {
        name: "m".to_owned(),
        digest: original.digest.clone(),
        loss: String::new(),
        divergence: None,
    });
    store.update_record(&converted).expect("written");
    store.update_record(&original).expect("written");

    let used = store.find("m").expect("looked up").expect("there");
    assert_eq!((used.name.as_str(), used.digest), ("m", Some(converted.digest)));
    let shown = store.show("m").expect("looked up").expect("there");
    assert_eq!(shown.file.digest, Some(original.digest));
    assert_eq!(store.list().expect("listed").models.len(), 2);

    assert_eq!(store.remove("m").expect("removed").names, ["m", "m-bf16"]);
    assert!(store.list().expect("listed").models.is_empty());
    assert_eq!(fs::read_dir(store.root().join("blobs")).expect("listed").count(), 0);
}

#[test]
fn without_its_conversion_the_original_of_a_model_runs() {
    let (_folder, store) = store();
    let mut original = put(&store, "m", "hf:o/r/m.gguf", &GgufBuilder::tiny().bytes());
    original.runs_as = Some("gone".to_owned());
    store.update_record(&original).expect("written");
    let used = store.find("m").expect("looked up").expect("there");
    assert_eq!(used.digest, Some(original.digest));
}

#[test]
fn one_damaged_record_does_not_hide_the_others() {
    let (_folder, store) = store();
    put(&store, "good", "hf:o/r/g.gguf", &GgufBuilder::tiny().bytes());
    let lost = put(&store, "lost", "hf:o/r/l.gguf", &GgufBuilder::tiny().text("k", "v").bytes());
    fs::remove_file(&store.blob_paths(&lost)[0]).expect("removed");
    fs::write(store.root().join("names/bad.json"), b"{").expect("written");
    let outside = r#"{"schema":"harmonic.model/1","name":"outside","digest":"../../etc/passwd","size":1,
                      "source":"s","format":"F16","converted_from":null,"runs_as":null}"#;
    fs::write(store.root().join("names/outside.json"), outside).expect("written");
    let listing = store.list().expect("listed");
    assert_eq!(listing.models.len(), 1);
    assert_eq!(listing.findings.len(), 3);
    assert!(listing.findings.iter().all(|finding| finding.hint.contains("pull the model again")));
}

const STARTER: &str = "smollm2:135m";

/// The starter's record as written by a pull of the catalog, and the catalog's digest.
fn starter(store: &Store) -> (Record, String) {
    let bytes = GgufBuilder::tiny().bytes();
    let record = put(store, "x", "hf:any/repo/x.gguf", &bytes);
    let entry = catalog::find(STARTER).expect("in the catalog");
    let origin = entry.origins.into_iter().next().expect("a source");
    let name = STARTER.to_owned();
    let verified = Record { name, source: origin.source.to_string(), ..record };
    (verified, origin.sha256.expect("known").to_owned())
}

/// Writes a record as a user or an older version could have.
fn plant(store: &Store, file: &str, record: &Record) {
    let path = store.root().join("names").join(file);
    fs::write(path, serde_json::to_vec(record).expect("written")).expect("written");
}

#[test]
fn a_catalog_name_requires_the_catalogs_source_and_digest() {
    let (_folder, store) = store();
    let (record, digest) = starter(&store);
    let file = format!("{}.json", file_stem(STARTER));
    let wheel = catalog::find(STARTER).expect("known").origins[1].source.to_string();
    let verified = Record { digest: digest.clone(), ..record.clone() };
    // The blob does not exist; a usable record shows as an error of the missing blob.
    for good in [verified.clone(), Record { source: wheel, ..verified.clone() }] {
        plant(&store, &file, &good);
        assert!(matches!(store.find(STARTER), Err(ModelError::Missing(_))));
    }
    let from = |name: &str, digest: &str| {
        let (name, digest) = (name.to_owned(), digest.to_owned());
        Some(ConvertedFrom { name, digest, loss: String::new(), divergence: None })
    };
    for (why, bad) in [
        ("another digest", record.clone()),
        (
            "another source",
            Record { source: "hf:any/repo/smollm2:135m.gguf".into(), ..verified.clone() },
        ),
        ("a path", Record { source: "/tmp/smollm2:135m.gguf".into(), ..verified.clone() }),
        ("a conversion", Record { converted_from: from(STARTER, &digest), ..record.clone() }),
        ("another's", Record { converted_from: from("x", &digest), ..record.clone() }),
    ] {
        plant(&store, &file, &bad);
        assert_eq!(store.find(STARTER).expect("looked up"), None, "{why}");
        assert_eq!(store.show(STARTER).expect("looked up"), None, "{why}");
        let listing = store.list().expect("listed");
        assert_eq!(listing.findings[0].code, "shadowed-model", "{why}");
        assert!(listing.models.iter().all(|model| model.record.name != STARTER), "{why}");
        let partial = store.partial().expect("a folder").file("y.part");
        fs::write(partial.path(), GgufBuilder::tiny().bytes()).expect("written");
        let error = store.add(&[partial], &bad).expect_err(why);
        assert!(matches!(error, ModelError::CatalogNameConflict { .. }), "{why}: {error}");
    }
    assert_eq!(store.remove(STARTER).expect("removed").names, [STARTER]);
    assert!(store.find("x").expect("looked up").is_some(), "another name has the file");
}

#[test]
fn a_conversion_with_a_catalog_name_requires_the_catalogs_source() {
    let (_folder, store) = store();
    let (record, digest) = starter(&store);
    let name = format!("{STARTER}-bf16");
    let file = format!("{}.json", file_stem(&name));
    let from =
        ConvertedFrom { name: STARTER.to_owned(), digest, loss: String::new(), divergence: None };
    let good = Record { name: name.clone(), converted_from: Some(from.clone()), ..record };
    plant(&store, &file, &good);
    assert!(store.find(&name).expect("looked up").is_some());
    let other = ConvertedFrom { digest: "ab".repeat(32), ..from.clone() };
    for bad in [
        Record { converted_from: None, ..good.clone() },
        Record { converted_from: Some(other), ..good.clone() },
        Record { source: "hf:any/repo/x.gguf".to_owned(), ..good.clone() },
    ] {
        plant(&store, &file, &bad);
        assert_eq!(store.find(&name).expect("looked up"), None);
    }
}

#[test]
fn a_record_is_valid_only_for_its_own_name() {
    let (_folder, store) = store();
    let record = put(&store, "mine", "hf:o/r/mine.gguf", &GgufBuilder::tiny().bytes());
    plant(&store, "other.json", &record);
    assert!(matches!(store.find("other"), Err(ModelError::Record { .. })));
    assert!(store.find("mine").expect("looked up").is_some());
}

#[cfg(unix)]
#[test]
fn planted_links_are_not_followed() {
    use std::os::unix::fs::symlink;
    let (folder, store) = store();
    let record = put(&store, "m", "hf:o/r/m.gguf", &GgufBuilder::tiny().bytes());
    let victim = folder.path().join("victim");
    fs::write(&victim, "precious").expect("written");

    symlink(&victim, store.root().join("locks/a.lock")).expect("planted");
    assert!(matches!(Lock::acquire(&store, "a"), Err(ModelError::SymbolicLink(_))));

    symlink(&victim, store.root().join("names/l.json")).expect("planted");
    assert!(store.find("l").is_err());

    let blob = store.blob_paths(&record).remove(0);
    let moved = folder.path().join("elsewhere.gguf");
    fs::rename(&blob, &moved).expect("moved");
    symlink(&moved, &blob).expect("planted");
    assert!(matches!(store.find("m"), Err(ModelError::SymbolicLink(_))));

    for name in ["partial", "blobs", "names", "locks"] {
        let own = store.root().join(name);
        fs::remove_dir_all(&own).expect("removed");
        let elsewhere = folder.path().join(format!("else-{name}"));
        fs::create_dir(&elsewhere).expect("made");
        symlink(&elsewhere, &own).expect("planted");
        assert!(matches!(store.folder(name), Err(ModelError::SymbolicLink(_))), "{name}");
    }
    assert!(matches!(store.list(), Err(ModelError::SymbolicLink(_))));
    assert_eq!(fs::read_to_string(&victim).expect("read"), "precious");
}

#[test]
fn a_lock_names_its_holder_and_ends_with_it() {
    let (_folder, store) = store();
    let held = Lock::acquire(&store, "m").expect("free");
    let error = Lock::acquire(&store, "m").expect_err("held").to_string();
    let holder = format!("process {}", std::process::id());
    assert!(error.contains(&holder), "{error}");
    assert!(Lock::acquire(&store, "another").is_ok());
    drop(held);
    assert!(Lock::acquire(&store, "m").is_ok());
}

proptest! {
    #[test]
    fn names_have_different_files_within_the_folder(a in "\\PC{0,12}", b in "\\PC{0,12}") {
        prop_assert_eq!(a == b, file_stem(&a) == file_stem(&b));
        prop_assert!(!file_stem(&a).contains('/') && !file_stem(&a).starts_with('.'));
    }
}
