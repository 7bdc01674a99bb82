//! Journals of runs, read and rewritten as JSON.

use std::path::Path;

use harmonic_journal::{Durability, Limits, Store};
use harmonic_orchestrator::{Action, Input, Run, RunSpec};
use harmonic_types::RunId;
use serde_json::Value;

/// A run as its journal has it.
pub struct JournalledRun {
    pub spec: RunSpec,
    /// Its inputs, with their times.
    pub inputs: Vec<(u64, Input)>,
}

impl JournalledRun {
    /// The only run of `journals`, or the one of that id.
    pub fn read(journals: &Path, id: &RunId) -> Self {
        let store = Store::open(journals, Limits::default()).unwrap();
        let recovered = store.read::<Value>(id).unwrap();
        let mut entries = recovered.entries.into_iter().map(|line| {
            let entry = match line.entry.get("artifact") {
                Some(artifact) if line.entry["entry"] == "stored" => {
                    let artifact = serde_json::from_value(artifact.clone()).unwrap();
                    serde_json::from_slice(&store.artifact(id, &artifact).unwrap()).unwrap()
                }
                _ => line.entry,
            };
            (line.at_ms, entry)
        });
        let (_, mut opened) = entries.next().unwrap();
        let spec = serde_json::from_value(opened["spec"].take()).unwrap();
        let input = |(at_ms, entry)| (at_ms, serde_json::from_value::<Input>(entry).unwrap());
        Self { spec, inputs: entries.map(input).collect() }
    }

    /// Folds the inputs; `see` sees each with the run after it and the actions that it gave.
    pub fn fold(&self, mut see: impl FnMut(&Run, &Input, &[Action])) -> Run {
        let mut run = Run::new(self.spec.clone()).unwrap();
        for (at_ms, input) in &self.inputs {
            let actions = run.apply(*at_ms, input.clone());
            see(&run, input, &actions);
        }
        run
    }
}

/// Writes the run `id` of `from` to `to` with what `change` makes of its first entry.
pub fn rewrite(from: &Path, to: &Path, id: &RunId, change: impl FnOnce(&mut Value)) {
    let from = Store::open(from, Limits::default()).unwrap();
    let to = Store::open(to, Limits::default()).unwrap();
    let recovered = from.read::<Value>(id).unwrap();
    let mut journal = to.create::<Value>(&recovered.header).unwrap();
    let mut change = Some(change);
    for mut line in recovered.entries {
        if let Some(change) = change.take() {
            if line.entry["entry"] == "stored" {
                let artifact = serde_json::from_value(line.entry["artifact"].clone()).unwrap();
                let bytes = from.artifact(id, &artifact).unwrap();
                line.entry = serde_json::from_slice(&bytes).unwrap();
            }
            change(&mut line.entry);
        }
        journal.append(line.at_ms, &line.entry, Durability::Synced).unwrap();
    }
}
