//! The table of llama-server's flags beside the source of the engine.
#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

/// The names of flags in the source of llama.cpp that this build's engine is made from.
fn flags_of_llama_cpp() -> BTreeSet<String> {
    let about = Command::new("rustc").arg("-vV").output().unwrap();
    let about = String::from_utf8(about.stdout).unwrap();
    let host = about.lines().find_map(|line| line.strip_prefix("host: ")).unwrap();
    // Only packages of this platform are certainly downloaded.
    let options = ["--offline", "--filter-platform", host].map(str::to_owned);
    let metadata = cargo_metadata::MetadataCommand::new()
        .manifest_path(Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml"))
        .other_options(options)
        .exec()
        .unwrap();
    let package = metadata.packages.iter().find(|it| it.name.as_str() == "llama-cpp-sys-2");
    let folder = package.unwrap().manifest_path.parent().unwrap();
    let source = fs::read_to_string(folder.join("llama.cpp/common/arg.cpp")).unwrap();
    let words = source.split('"').filter(|word| word.starts_with('-') && !word.contains(' '));
    words.map(str::to_owned).collect()
}

/// Flags of builds before this one, which configurations still have.
const EARLIER: [&str; 7] =
    ["--mlock", "--mmap", "--no-mmap", "-dio", "--direct-io", "-ndio", "--no-direct-io"];

#[test]
fn every_flag_of_the_table_is_one_of_llama_cpp() {
    let known = flags_of_llama_cpp();
    let table = include_str!("../src/llama_server/flags.tsv");
    let rows = table.lines().filter(|line| !line.starts_with('#'));
    let names = rows.flat_map(|row| row.split('\t').skip(3)).flat_map(|names| names.split(' '));
    let mut count = 0;
    for name in names.filter(|name| *name != "-" && !EARLIER.contains(name)) {
        assert!(known.contains(name), "llama-server has no {name}");
        count += 1;
    }
    assert!(count > 300, "{count}");
}
