//! A full disk: a small tmpfs, which only root can mount.

use std::path::{Path, PathBuf};
use std::process::Command;

use axum::http::header::RANGE;

use super::fixture::{Fixture, Hub, HubBehaviour, hub_file, model};
use crate::error::ModelError;
use crate::source::Source;
use crate::store::Store;

/// A mounted tmpfs, unmounted on drop.
struct SmallDisk(PathBuf);

impl SmallDisk {
    /// A disk of 200 kB, less than [`model()`]; `None`, with a message, if mounting is not
    /// permitted.
    fn mount(folder: &Path) -> Option<Self> {
        let path = folder.join("small-disk");
        std::fs::create_dir_all(&path).expect("made");
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=200k", "tmpfs"])
            .arg(&path)
            .output()
            .is_ok_and(|output| output.status.success());
        if !mounted {
            eprintln!("SKIPPED: a tmpfs cannot be mounted here, the full disk was not tested");
        }
        mounted.then_some(Self(path))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

/// `fixture` with its store on the small disk.
fn cramped(mut fixture: Fixture) -> Option<(Fixture, SmallDisk)> {
    let disk = SmallDisk::mount(fixture.folder.path())?;
    fixture.store = Store::new(disk.0.join("models"));
    Some((fixture, disk))
}

fn assert_full(error: &ModelError, knows_need: bool) {
    match error {
        ModelError::DiskFull { needed, free, reserve, .. } => {
            assert_eq!(needed.is_some(), knows_need);
            assert!(needed.is_none_or(|needed| needed + *reserve > *free));
        }
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn a_file_that_does_not_fit_is_rejected_before_its_first_byte() {
    let hub = Hub::serving(model(), &[]).start().await;
    let Some((fixture, _disk)) = cramped(Fixture::with_hub(&hub)) else { return };
    let error = fixture.pull(&hub_file()).await.expect_err("too large");
    assert_full(&error, true);
    let text = error.to_string();
    assert!(text.contains("it needs 329.2 kB") && text.contains("HARMONIC_MODELS"), "{text}");
    fixture.assert_nothing_final();
    assert_eq!(fixture.files("partial"), [""; 0]);
}

#[tokio::test]
async fn a_disk_that_fills_up_during_the_download_is_named_and_freed() {
    let hub = Hub { states_size: false, ..Hub::serving(model(), &[HubBehaviour::Unsized]) };
    let hub = hub.start().await;
    let Some((fixture, _disk)) = cramped(Fixture::with_hub(&hub)) else { return };
    let error = fixture.pull(&hub_file()).await.expect_err("too large");
    assert_full(&error, false);
    assert_eq!(hub.gets(&RANGE).len(), 1);
    fixture.assert_nothing_final();
    assert!(!fixture.files("partial").iter().any(|name| name.contains(".part")));
}

#[tokio::test]
async fn a_copy_that_does_not_fit_is_rejected() {
    let fixture = Fixture::new();
    let path = fixture.folder.path().join("m.gguf");
    std::fs::write(&path, model()).expect("written");
    let Some((fixture, _disk)) = cramped(fixture) else { return };
    let error = fixture.pull(&Source::Path(path)).await.expect_err("too large");
    assert_full(&error, true);
    fixture.assert_nothing_final();
    assert_eq!(fixture.files("partial"), [""; 0]);
}
