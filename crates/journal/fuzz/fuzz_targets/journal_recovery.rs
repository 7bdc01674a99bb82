//! Arbitrary bytes as a journal, some of them after entries that were appended: recovery returns,
//! and what it returns begins with those entries, or is an error.
//!
//! `make fuzz TARGETS=journal_recovery`, or `cargo +nightly fuzz run journal_recovery` in
//! `crates/journal`.
#![no_main]

use std::path::Path;
use std::sync::LazyLock;

use harmonic_journal::{Durability, Header, Limits, Store, recover};
use harmonic_types::RunId;
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

const ID: &str = "run_01ARZ3NDEKTSV4RRFFQ69G5FAV";

/// Entries of [`WRITTEN`].
const ENTRIES: usize = 3;

/// A journal as it is written.
static WRITTEN: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let root = std::env::temp_dir().join(format!("journal-fuzz-{}", std::process::id()));
    let store = Store::open(&root, Limits::default()).expect("a folder");
    let header = Header::new(RunId(ID.to_owned()), "somebody", 1);
    let mut journal = store.create::<Value>(header).expect("a run");
    for number in 0..ENTRIES {
        journal.append(number as u64, &number.into(), Durability::Buffered).expect("an entry");
    }
    let bytes = std::fs::read(root.join(ID).join("journal.jsonl")).expect("a journal");
    std::fs::remove_dir_all(root).expect("removed");
    bytes
});

fuzz_target!(|input: (u16, u16, &[u8])| {
    let (keep, synced, rest) = input;
    let keep = usize::from(keep) % (WRITTEN.len() + 1);
    let bytes = [&WRITTEN[..keep], rest].concat();
    let limits = Limits { line: 256, journal: 1 << 20, ..Limits::default() };
    let id = RunId(ID.to_owned());
    let path = Path::new("journal.jsonl");
    if let Ok(found) = recover::<Value>(&id, path, &bytes, synced.into(), limits) {
        let values: Vec<&Value> = found.entries.iter().map(|entry| &entry.entry).collect();
        // Without the checksum's preimage nothing can be added that is valid.
        assert!(values.len() <= ENTRIES);
        assert!(values.iter().zip(0_u64..).all(|(value, number)| **value == number));
        assert!(found.cut.is_none_or(|cut| cut.at + cut.bytes == bytes.len() as u64));
    }
});
