//! Models in several files.

use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::error::ModelError;
use crate::gguf::TensorType;
use crate::gguf::synthetic::GgufBuilder;
use crate::shards::{ModelFiles, ShardName};

/// `file` as one of several shards.
pub(crate) fn shard(file: GgufBuilder, number: u16, count: u16, tensors: i32) -> GgufBuilder {
    file.raw("split.no", 2, &number.to_le_bytes()).raw("split.count", 2, &count.to_le_bytes()).raw(
        "split.tensors.count",
        5,
        &tensors.to_le_bytes(),
    )
}

/// The tiny model with a further matrix of `more` rows per further file.
pub(crate) fn set(more: &[u64]) -> Vec<Vec<u8>> {
    let count = u16::try_from(more.len() + 1).expect("few");
    let own = 3;
    let all = i32::try_from(own + more.len()).expect("few");
    let mut files = vec![shard(GgufBuilder::tiny(), 0, count, all).bytes()];
    for (index, rows) in more.iter().enumerate() {
        let name = format!("blk.{index}.ffn_up.weight");
        let other = GgufBuilder::new("llama").matrix(&name, &[32, *rows], TensorType::F16);
        let number = u16::try_from(index + 1).expect("few");
        files.push(shard(other, number, count, all).bytes());
    }
    files
}

/// Writes the files into a folder, with the names of `gguf-split`.
pub(crate) fn write(folder: &Path, base: &str, files: &[Vec<u8>]) -> PathBuf {
    std::fs::create_dir_all(folder).expect("made");
    let count = files.len();
    for (index, bytes) in files.iter().enumerate() {
        let name = format!("{base}-{:05}-of-{count:05}.gguf", index + 1);
        std::fs::write(folder.join(name), bytes).expect("written");
    }
    folder.join(format!("{base}-00001-of-{count:05}.gguf"))
}

fn folder() -> TempDir {
    tempfile::tempdir().expect("a folder")
}

#[test]
fn the_first_file_represents_the_model() {
    let folder = folder();
    let files = set(&[4, 8]);
    let first = write(folder.path(), "big", &files);
    let model = ModelFiles::open(&first).expect("complete");
    assert_eq!(model.paths.len(), 3);
    assert_eq!(model.size.0, files.iter().map(|file| file.len() as u64).sum::<u64>());
    assert_eq!(model.header.tensors.len(), 5);
    let shape = model.shape().expect("a model");
    let alone = ModelFiles::read(vec![write_one(&folder, &GgufBuilder::tiny())]).expect("one file");
    let rows = (4 + 8) * 32;
    assert_eq!(shape.parameters, alone.shape().expect("a model").parameters + rows);
    assert_eq!(shape.weights_bytes.0, alone.shape().expect("a model").weights_bytes.0 + 2 * rows);
}

fn write_one(folder: &TempDir, file: &GgufBuilder) -> PathBuf {
    let path = folder.path().join("alone.gguf");
    std::fs::write(&path, file.bytes()).expect("written");
    path
}

/// The error of these files.
fn refused(files: &[Vec<u8>], break_it: impl Fn(&Path)) -> String {
    let folder = folder();
    let first = write(folder.path(), "big", files);
    break_it(folder.path());
    let error = ModelFiles::open(&first).expect_err("refused");
    assert!(matches!(error, ModelError::Shards { .. }), "{error}");
    error.to_string().replace(&folder.path().display().to_string(), "DIR")
}

#[test]
fn files_that_do_not_belong_together_are_named() {
    let keep = |_: &Path| {};
    let files = set(&[4, 8]);
    let missing = refused(&files, |folder| {
        std::fs::remove_file(folder.join("big-00002-of-00003.gguf")).expect("removed");
    });
    insta::assert_snapshot!(missing, @"DIR/big-00001-of-00003.gguf cannot be used as a model: DIR/big-00002-of-00003.gguf of its 3 shards is missing");
    let swapped = [files[0].clone(), files[2].clone(), files[1].clone()];
    insta::assert_snapshot!(refused(&swapped, keep), @"DIR/big-00002-of-00003.gguf cannot be used as a model: split.no is 2, expected 1 by its name");
    let other = set(&[4]);
    insta::assert_snapshot!(refused(&[files[0].clone(), files[1].clone(), other[1].clone()], keep), @"DIR/big-00003-of-00003.gguf cannot be used as a model: split.count is 2, expected 3 by its name");
    let whole = GgufBuilder::tiny().bytes();
    insta::assert_snapshot!(refused(&[whole.clone(), whole], keep), @"DIR/big-00001-of-00002.gguf cannot be used as a model: split.count is missing, expected 2 by its name");
    let other = GgufBuilder::new("llama").matrix("x", &[32, 4], TensorType::F16);
    let first = shard(GgufBuilder::tiny(), 0, 2, 5).bytes();
    let fewer = [first.clone(), shard(other.clone(), 1, 2, 5).bytes()];
    insta::assert_snapshot!(refused(&fewer, keep), @"DIR/big-00001-of-00002.gguf cannot be used as a model: it has 4 tensors, but split.tensors.count is 5");
    let another = [first, shard(other, 1, 2, 4).bytes()];
    insta::assert_snapshot!(refused(&another, keep), @"DIR/big-00001-of-00002.gguf cannot be used as a model: DIR/big-00002-of-00002.gguf is of another model: its number of tensors differs");
    let twice = GgufBuilder::new("llama").matrix("token_embd.weight", &[32, 4], TensorType::F16);
    let twice = [shard(GgufBuilder::tiny(), 0, 2, 4).bytes(), shard(twice, 1, 2, 4).bytes()];
    insta::assert_snapshot!(refused(&twice, keep), @"DIR/big-00001-of-00002.gguf cannot be used as a model: the tensor `token_embd.weight` is in two shards");
}

#[test]
fn a_single_shard_is_an_error_that_names_the_others() {
    let folder = folder();
    let first = write(folder.path(), "big", &set(&[4]));
    let second = folder.path().join("big-00002-of-00002.gguf");
    let error = ModelFiles::open(&second).expect_err("not the first").to_string();
    assert!(error.contains("expected the first one, big-00001-of-00002.gguf"), "{error}");
    let renamed = folder.path().join("renamed.gguf");
    std::fs::rename(&first, &renamed).expect("renamed");
    let error = ModelFiles::open(&renamed).expect_err("one of two").to_string();
    assert!(error.contains("it is one of 2 shards"), "{error}");
    assert!(matches!(ModelFiles::open(&first), Err(ModelError::Missing(_))));
}

#[test]
fn names_of_shards_are_exact() {
    let read = |name| ShardName::of(name).map(|shard| (shard.base, shard.index, shard.count));
    assert_eq!(read("a/b-00002-of-00003.GGUF"), Some(("a/b", 2, 3)));
    assert_eq!(read("b-00001-of-00001"), Some(("b", 1, 1)));
    for name in [
        "b.gguf",
        "b-0001-of-00003.gguf",
        "b-00000-of-00003.gguf",
        "b-00004-of-00003.gguf",
        "b-00001-of-99999.gguf",
        "-00001-of-00003.gguf",
        "b-00001-of-00003.gguf.part",
        "é-of-",
    ] {
        assert_eq!(read(name), None, "{name}");
    }
}
