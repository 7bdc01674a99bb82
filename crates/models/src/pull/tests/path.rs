//! Import of files of this machine.

use super::fixture::{Fixture, digest, model};
use crate::error::ModelError;
use crate::gguf::synthetic::GgufBuilder;
use crate::source::Source;

#[tokio::test]
async fn a_file_is_kept_if_the_original_is_deleted() {
    let fixture = Fixture::new();
    let path = fixture.folder.path().join("mine.gguf");
    std::fs::write(&path, model()).expect("written");
    let source = Source::Path(path.clone());
    let file = fixture.pull(&source).await.expect("pulled");
    assert_eq!((file.name.as_str(), file.digest), ("mine", Some(digest(&model()))));
    assert!(fixture.progress.notes()[0].contains("linked into the store"));
    let found = fixture.store.find(&path.display().to_string()).expect("looked up");
    assert!(found.is_some(), "found by its path too");

    std::fs::remove_file(&path).expect("removed");
    assert_eq!(fixture.store.list().expect("listed").models.len(), 1);
}

#[tokio::test]
async fn a_replaced_file_is_pulled_again() {
    let mut fixture = Fixture::new();
    let path = fixture.folder.path().join("mine.gguf");
    std::fs::write(&path, model()).expect("written");
    let source = Source::Path(path.clone());
    fixture.pull(&source).await.expect("pulled");
    fixture.pull(&source).await.expect("pulled again, the same");
    std::fs::remove_file(&path).expect("removed");
    let newer = GgufBuilder::tiny().bytes();
    std::fs::write(&path, &newer).expect("written");
    let file = fixture.pull(&source).await.expect("pulled anew");
    assert_eq!(file.digest, Some(digest(&newer)));
    assert_eq!(fixture.files("blobs").len(), 1, "the older one went with its last name");

    fixture.options.name = Some("other".to_owned());
    fixture.pull(&source).await.expect("pulled under a second name");
    assert_eq!((fixture.files("blobs").len(), fixture.files("names").len()), (1, 2));
    assert_eq!(fixture.files("partial"), [""; 0]);
}

#[tokio::test]
async fn invalid_files_are_rejected_by_name() {
    let fixture = Fixture::new();
    let write = |name: &str, bytes: &[u8]| {
        let path = fixture.folder.path().join(name);
        std::fs::write(&path, bytes).expect("written");
        Source::Path(path)
    };
    let missing = Source::Path(fixture.folder.path().join("missing.gguf"));
    let error = fixture.pull(&missing).await.expect_err("missing");
    assert!(matches!(&error, ModelError::Missing(path) if path.ends_with("missing.gguf")));
    for (name, bytes, word) in [
        ("text.gguf", b"no model at all".to_vec(), "it is not a GGUF file"),
        ("cut.gguf", model()[..model().len() / 2].to_vec(), "it is truncated"),
        ("header.gguf", model()[..40].to_vec(), "it is truncated"),
        ("empty.gguf", Vec::new(), "it is truncated"),
    ] {
        let error = fixture.pull(&write(name, &bytes)).await.expect_err(name).to_string();
        assert!(error.contains(name) && error.contains(word), "{error}");
    }
    let folder = fixture.pull(&Source::Path(fixture.folder.path().to_owned())).await;
    assert!(folder.expect_err("a folder").to_string().contains("it is not a regular file"));
    fixture.assert_nothing_final();
    assert_eq!(fixture.files("partial"), [""; 0]);
}

#[tokio::test]
async fn two_files_of_the_same_name_do_not_replace_each_other() {
    let mut fixture = Fixture::new();
    for (folder, byte) in [("a", 0), ("b", 1)] {
        let folder = fixture.folder.path().join(folder);
        std::fs::create_dir_all(&folder).expect("made");
        let mut bytes = model();
        let last = bytes.len() - 1;
        bytes[last] = byte;
        std::fs::write(folder.join("m.gguf"), bytes).expect("written");
    }
    let file = |name: &str| Source::Path(fixture.folder.path().join(name).join("m.gguf"));
    let (a, b) = (file("a"), file("b"));
    fixture.pull(&a).await.expect("pulled");
    let error = fixture.pull(&b).await.expect_err("taken").to_string();
    assert!(error.contains("the name `m` is used by the model from"), "{error}");
    fixture.options.name = Some("other".to_owned());
    assert_eq!(fixture.pull(&b).await.expect("pulled").name, "other");
}
