//! Links, pipes, folders and broken files in place of a file of ours.
#![expect(
    clippy::unwrap_used,
    reason = "a test fails by panicking; clippy sees only its root function"
)]

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use harmonic_fsutil::{
    FileError, FileLock, MAX_DOCUMENT, WriteOptions, read, read_folder, replace, update,
};

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn a_planted_link_is_replaced_and_its_target_untouched() {
    let folder = tempfile::tempdir().unwrap();
    let (target, link) = (folder.path().join("target"), folder.path().join("keys.toml"));
    fs::write(&target, "precious").unwrap();
    symlink(&target, &link).unwrap();
    replace(&link, b"new", WriteOptions::SECRET).unwrap();
    assert_eq!(fs::read(&target).unwrap(), b"precious");
    assert_eq!(read(&link, 100).unwrap().unwrap(), b"new");
    assert!(fs::symlink_metadata(&link).unwrap().is_file());
}

#[test]
fn a_link_is_neither_read_nor_changed_nor_locked() {
    let folder = tempfile::tempdir().unwrap();
    let (target, link) = (folder.path().join("target"), folder.path().join("link"));
    symlink(&target, &link).unwrap();
    for there in [false, true] {
        if there {
            fs::write(&target, "precious").unwrap();
        }
        assert!(matches!(read(&link, 100), Err(FileError::Link { .. })));
        assert!(matches!(FileLock::attempt(&link), Err(FileError::Link { .. })));
        let changed: Result<(), FileError> =
            update(&link, WriteOptions::SECRET, |_| Ok((Some(Vec::new()), ())));
        assert!(changed.unwrap_err().to_string().contains("is a symbolic link"));
        assert_eq!(target.exists(), there);
    }
    assert_eq!(fs::read(&target).unwrap(), b"precious");
}

#[test]
fn nothing_blocks_on_a_pipe_and_a_folder_is_not_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("pipe");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status().unwrap();
    assert!(made.success());
    for path in [pipe.as_path(), folder.path()] {
        assert!(matches!(read(path, 100), Err(FileError::NotAFile { .. })), "{path:?}");
        assert!(matches!(FileLock::wait(path), Err(FileError::NotAFile { .. })), "{path:?}");
    }
}

#[test]
fn a_file_has_the_requested_mode_whatever_was_there() {
    let folder = tempfile::tempdir().unwrap();
    let (secret, open) = (folder.path().join("secret"), folder.path().join("open"));
    fs::write(&secret, "").unwrap();
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o666)).unwrap();
    replace(&secret, b"", WriteOptions::SECRET).unwrap();
    assert_eq!(mode(&secret), 0o600);
    replace(&open, b"", WriteOptions::DOCUMENT).unwrap();
    fs::write(folder.path().join("usual"), "").unwrap();
    assert_eq!(mode(&open), mode(&folder.path().join("usual")));
}

#[test]
fn a_change_that_fails_leaves_the_file_and_frees_the_lock() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    replace(&file, b"old", WriteOptions::DOCUMENT).unwrap();
    let refused = update(&file, WriteOptions::DOCUMENT, |_| {
        Err::<(Option<Vec<u8>>, ()), FileError>(FileError::NotAFile { path: "x".into() })
    });
    assert!(refused.is_err());
    let seen: Result<usize, FileError> =
        update(&file, WriteOptions::DOCUMENT, |text| Ok((None, text.unwrap().len())));
    assert_eq!(seen.unwrap(), 3);
    assert_eq!(read(&file, 100).unwrap().unwrap(), b"old");
    let left: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|e| e.unwrap().path()).collect();
    assert_eq!(left.len(), 2, "the file and its lock: {left:?}");
}

#[test]
fn a_document_is_read_within_its_limit() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    assert_eq!(read(&file, 3).unwrap(), None);
    fs::write(&file, "123").unwrap();
    assert_eq!(read(&file, 3).unwrap().unwrap(), b"123");
    let error = read(&file, 2).unwrap_err().to_string();
    assert!(error.contains("more than the limit of 2"), "{error}");
}

#[test]
fn one_broken_document_is_skipped_and_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, bytes: &[u8]| fs::write(folder.path().join(name), bytes).unwrap();
    file("b.json", b"2");
    file("a.json", b"1");
    file("broken.json", b"x");
    file("other.json", b"0");
    file("latin.json", b"\xff");
    file("notes.txt", b"x");
    fs::create_dir(folder.path().join("folder.json")).unwrap();
    symlink("a.json", folder.path().join("link.json")).unwrap();
    let huge = fs::File::create(folder.path().join("huge.json")).unwrap();
    huge.set_len(MAX_DOCUMENT + 1).unwrap();
    let parse = |_: &Path, text: &str| match text.parse::<u32>() {
        Ok(0) => Ok(None),
        Ok(number) => Ok(Some(number)),
        Err(error) => Err(error.to_string()),
    };
    let found = read_folder(folder.path(), "json", parse).unwrap();
    assert_eq!(found.documents, [1, 2]);
    let skipped: Vec<_> =
        found.skipped.iter().map(|one| one.path.file_name().unwrap().to_str().unwrap()).collect();
    assert_eq!(skipped, ["broken.json", "folder.json", "huge.json", "latin.json", "link.json"]);
    assert!(found.skipped[0].reason.contains("invalid digit"), "{:?}", found.skipped[0]);
    assert_eq!(read_folder(&folder.path().join("absent"), "json", parse).unwrap().documents, []);
}
