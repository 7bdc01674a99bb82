//! Recovery of journals of which a part is absent or changed.
#![expect(
    clippy::unwrap_used,
    reason = "a test fails by panicking; clippy sees only its root function"
)]

use std::fs;
use std::path::Path;

use harmonic_journal::{Durability, Header, JournalError, Limits, Recovered, Store, recover};
use harmonic_types::RunId;
use proptest::prelude::*;
use serde_json::{Value, json};

const ID: &str = "run_01ARZ3NDEKTSV4RRFFQ69G5FAV";

fn id() -> RunId {
    RunId(ID.to_owned())
}

/// Bytes of a journal as they were written, the end of each entry, and how much was synced.
#[derive(Debug)]
struct Written {
    bytes: Vec<u8>,
    header: usize,
    ends: Vec<usize>,
    entries: Vec<Value>,
    /// Number of entries up to the last synced one, and their end.
    synced: (usize, usize),
}

fn write(entries: &[(Value, Durability)]) -> Written {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path(), Limits::default()).unwrap();
    let mut journal = store.create::<Value>(&Header::new(id(), "somebody", 1)).unwrap();
    let file = folder.path().join(ID).join("journal.jsonl");
    let length = || usize::try_from(fs::metadata(&file).unwrap().len()).unwrap();
    let header = length();
    let mut written = Written {
        bytes: Vec::new(),
        header,
        ends: Vec::new(),
        entries: entries.iter().map(|(entry, _)| entry.clone()).collect(),
        synced: (0, header),
    };
    for (index, (entry, durability)) in entries.iter().enumerate() {
        journal.append(index as u64, entry, *durability).unwrap();
        written.ends.push(length());
        if *durability == Durability::Synced {
            written.synced = (index + 1, length());
        }
    }
    written.bytes = fs::read(&file).unwrap();
    written
}

fn read(bytes: &[u8], synced: usize) -> Result<Recovered<Value>, JournalError> {
    recover(&id(), Path::new("journal.jsonl"), bytes, synced as u64, Limits::default())
}

fn values(recovered: &Recovered<Value>) -> Vec<Value> {
    recovered.entries.iter().map(|entry| entry.entry.clone()).collect()
}

fn entries() -> impl Strategy<Value = Vec<(Value, Durability)>> {
    let text = prop_oneof![".{0,40}", r#"["\\{}\n,:a-z0-9]{0,40}"#];
    let value = prop_oneof![
        text.prop_map(|text| json!({ "text": text })),
        any::<i64>().prop_map(|number| json!([number, null])),
    ];
    let durability = prop_oneof![Just(Durability::Buffered), Just(Durability::Synced)];
    proptest::collection::vec((value, durability), 0..6)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn every_prefix_of_a_journal_recovers_to_a_prefix_of_its_entries(entries in entries()) {
        let written = write(&entries);
        for length in 0..=written.bytes.len() {
            let prefix = &written.bytes[..length];
            if length < written.header {
                let is_refused = matches!(read(prefix, 0), Err(JournalError::NotAJournal { .. }));
                prop_assert!(is_refused, "{}", length);
                continue;
            }
            let recovered = read(prefix, written.synced.1).unwrap();
            let whole = written.ends.iter().filter(|end| **end <= length).count();
            prop_assert_eq!(values(&recovered), &written.entries[..whole]);
            let at_boundary = length == written.header || written.ends.contains(&length);
            prop_assert_eq!(recovered.cut.is_none(), at_boundary);
            // A crash leaves what was synced; a device that does not is told of.
            let has_synced = length >= written.synced.1;
            prop_assert_eq!(recovered.missing == 0, has_synced);
            prop_assert!(!has_synced || whole >= written.synced.0);
            prop_assert_eq!(recovered.warning().is_some(), !at_boundary || !has_synced);
        }
    }

    #[test]
    fn a_changed_byte_is_noticed_and_costs_no_synced_entry(
        entries in entries(),
        change in 1..=u8::MAX,
    ) {
        let written = write(&entries);
        for at in 0..written.bytes.len() {
            let mut bytes = written.bytes.clone();
            bytes[at] ^= change;
            match read(&bytes, written.synced.1) {
                Ok(recovered) => {
                    let values = values(&recovered);
                    prop_assert!(at >= written.synced.1 && recovered.cut.is_some(), "{}", at);
                    prop_assert!(values.len() >= written.synced.0 && values.len() < entries.len());
                    prop_assert_eq!(values.as_slice(), &written.entries[..values.len()]);
                }
                Err(JournalError::Damaged { line, at: offset, .. }) => {
                    let before = written.ends.iter().filter(|end| **end <= at).count();
                    prop_assert!(line == before as u64 + 2 && offset <= at as u64, "{} {}", line, at);
                }
                Err(JournalError::NotAJournal { .. } | JournalError::OtherVersion { .. }) => {
                    prop_assert!(at < written.header, "{}", at);
                }
                Err(error) => prop_assert!(false, "{}", error),
            }
        }
    }

    #[test]
    fn what_stands_behind_the_synced_entries_is_cut_unless_it_is_valid(
        entries in entries(),
        rest in proptest::collection::vec(prop_oneof![Just(b'\n'), Just(0), any::<u8>()], 1..60),
    ) {
        let mut written = write(&entries);
        let length = written.bytes.len();
        written.bytes.extend(&rest);
        let recovered = read(&written.bytes, written.synced.1).unwrap();
        prop_assert_eq!(values(&recovered), written.entries);
        let cut = recovered.cut.unwrap();
        prop_assert_eq!((cut.at, cut.bytes), (length as u64, rest.len() as u64));
    }
}

fn three() -> Written {
    write(&[1, 2, 3].map(|number| (json!({ "number": number }), Durability::Buffered)))
}

#[test]
fn damage_before_a_valid_line_is_an_error_though_nothing_was_synced() {
    let mut written = three();
    let second = written.ends[0];
    written.bytes[second + 20] ^= 1;
    let error = read(&written.bytes, 0).unwrap_err();
    let expected = format!(
        "line 3 of journal.jsonl is damaged (its checksum is wrong; a valid line follows); nothing \
         was changed. To go on from before it, copy the folder, then cut the file to {second} bytes \
         and remove the file `synced` beside it"
    );
    assert_eq!(error.to_string(), expected);
    // What the message advises.
    assert_eq!(read(&written.bytes[..second], 0).unwrap().entries.len(), 1);
}

#[test]
fn a_length_that_reaches_beyond_the_file_does_not_hide_the_lines_after_it() {
    let written = three();
    let text = String::from_utf8(written.bytes).unwrap();
    let changed = text.replacen("\"len\":12", "\"len\":99", 1);
    assert_ne!(changed, text);
    assert!(matches!(read(changed.as_bytes(), 0), Err(JournalError::Damaged { line: 2, .. })));
}

#[test]
fn a_line_that_is_absent_or_there_twice_is_an_error() {
    let written = three();
    let [first, second, third] = written.ends[..] else { panic!("three entries") };
    let without = [&written.bytes[..first], &written.bytes[second..]].concat();
    let error = read(&without, 0).unwrap_err().to_string();
    assert!(error.contains("line 3 of") && error.contains("it is entry 3, expected 2"), "{error}");
    let twice = [&written.bytes[..third], &written.bytes[second..]].concat();
    let error = read(&twice, 0).unwrap_err().to_string();
    assert!(error.contains("it is entry 3, expected 4"), "{error}");
}

#[test]
fn a_journal_of_another_version_is_named_and_not_cut() {
    let written = three();
    let text = String::from_utf8(written.bytes).unwrap();
    let next = text.replace("harmonic.journal/1", "harmonic.journal/2");
    let error = read(next.as_bytes(), 0).unwrap_err();
    assert_eq!(
        error.to_string(),
        "journal.jsonl has the schema `harmonic.journal/2`: expected `harmonic.journal/1`"
    );
}

#[test]
fn an_entry_of_another_form_is_an_error_and_not_cut() {
    let written = three();
    let path = Path::new("journal.jsonl");
    let read = recover::<u32>(&id(), path, &written.bytes, 0, Limits::default());
    let error = read.unwrap_err().to_string();
    assert!(error.contains("entry 1 of run `run_01ARZ3NDEKTSV4RRFFQ69G5FAV`"), "{error}");
}

#[test]
fn a_journal_above_its_limit_is_not_read() {
    let written = three();
    let limits = Limits { journal: written.bytes.len() as u64 - 1, ..Limits::default() };
    let path = Path::new("journal.jsonl");
    let error = recover::<Value>(&id(), path, &written.bytes, 0, limits).unwrap_err();
    assert!(error.to_string().contains("more than the limit"), "{error}");
}
