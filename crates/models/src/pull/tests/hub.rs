//! Responses of the hub: stated figures, errors, redirects, wrong files.

use axum::http::header::AUTHORIZATION;

use super::fixture::{Fixture, Hub, HubBehaviour, ProgressCall, digest, hub_file, model};
use crate::error::ModelError;

#[tokio::test]
async fn a_file_comes_with_its_digest_and_progress() {
    let bytes = model();
    let hub = Hub::serving(bytes.clone(), &[]).start().await;
    let fixture = Fixture::with_hub(&hub);
    let file = fixture.pull(&hub_file()).await.expect("pulled");
    assert_eq!(file.name, "model");
    assert_eq!(file.digest, Some(digest(&bytes)));
    assert_eq!(std::fs::read(&file.path).expect("read"), bytes);
    assert_eq!(fixture.files("partial"), [""; 0], "nothing unfinished is left");

    let events = fixture.progress.events();
    let whole = bytes.len() as u64;
    assert_eq!(events[0], ProgressCall::Begin("downloading model".to_owned(), Some(whole)));
    let end = events.iter().position(|seen| *seen == ProgressCall::End).expect("ends");
    assert_eq!(events[end - 1], ProgressCall::Advance(whole), "reports up to the last byte");
    assert_eq!(events[end + 1], ProgressCall::Begin("checking model".to_owned(), Some(whole)));
    assert_eq!(events.last(), Some(&ProgressCall::End));

    fixture.pull(&hub_file()).await.expect("here already");
    assert_eq!(hub.gets(&AUTHORIZATION).len(), 1, "what is here is not fetched again");
}

#[tokio::test]
async fn a_damaged_model_is_downloaded_again() {
    let hub = Hub::serving(model(), &[]).start().await;
    let fixture = Fixture::with_hub(&hub);
    let file = fixture.pull(&hub_file()).await.expect("pulled");
    std::fs::remove_file(&file.path).expect("removed");
    let again = fixture.pull(&hub_file()).await.expect("pulled again");
    assert!(again.path.exists());
    assert!(fixture.progress.notes()[0].contains("is damaged and is downloaded again"));
}

#[tokio::test]
async fn a_wrong_digest_leaves_no_files() {
    let stated = digest(b"something else");
    let hub = Hub { linked: Some(stated.clone()), ..Hub::serving(model(), &[]) }.start().await;
    let fixture = Fixture::with_hub(&hub);
    match fixture.pull(&hub_file()).await.expect_err("refused") {
        ModelError::WrongDigest { target, expected, found } => {
            assert_eq!(target, "hf:org/repo/model.gguf");
            assert_eq!((expected, found), (stated, digest(&model())));
        }
        other => panic!("{other}"),
    }
    fixture.assert_nothing_final();
    assert!(!fixture.files("partial").iter().any(|name| name.contains(".part")));
}

#[tokio::test]
async fn a_file_that_is_not_gguf_is_rejected() {
    let html = b"<html>please log in</html>".to_vec();
    let hub = Hub { linked: None, ..Hub::serving(html, &[]) }.start().await;
    let fixture = Fixture::with_hub(&hub);
    let error = fixture.pull(&hub_file()).await.expect_err("refused").to_string();
    insta::assert_snapshot!(error, @r#"hf:org/repo/model.gguf cannot be used as a model: it is not a GGUF file (byte 0: expected `GGUF`, found "<htm"): convert the model to GGUF first, or give another file"#);
    fixture.assert_nothing_final();
}

#[tokio::test]
async fn a_truncated_file_of_the_hub_is_rejected() {
    let mut bytes = model();
    bytes.truncate(bytes.len() - 5);
    let hub = Hub::serving(bytes, &[]).start().await;
    let fixture = Fixture::with_hub(&hub);
    let error = fixture.pull(&hub_file()).await.expect_err("refused").to_string();
    assert!(error.starts_with("hf:org/repo/model.gguf cannot be used as a model: it is truncated"));
    fixture.assert_nothing_final();
}

#[tokio::test]
async fn errors_of_the_hub_state_a_remedy() {
    for (status, word) in [(404, "check the repository"), (401, "HF_TOKEN"), (429, "try again")] {
        let hub = Hub::serving(model(), &[HubBehaviour::Status(status)]).start().await;
        let error = Fixture::with_hub(&hub).pull(&hub_file()).await.expect_err("refused");
        assert!(error.to_string().contains(word), "{error}");
    }
    let mut fixture = Fixture::new();
    fixture.options.hub_endpoint = "not a url".to_owned();
    let error = fixture.pull(&hub_file()).await.expect_err("refused").to_string();
    assert!(error.contains("invalid hub address `not a url`"), "{error}");
}

#[tokio::test]
async fn the_token_is_not_sent_to_another_host() {
    let hub = Hub::serving(model(), &[HubBehaviour::Redirect]).start().await;
    let mut fixture = Fixture::with_hub(&hub);
    fixture.options.hub_token = Some("hf_secret".to_owned());
    fixture.pull(&hub_file()).await.expect("pulled");
    assert_eq!(hub.gets(&AUTHORIZATION), [Some("Bearer hf_secret".to_owned()), None]);
    assert!(!format!("{:?}", fixture.options).contains("secret"));
}
