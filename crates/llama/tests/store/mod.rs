//! The small models pulled by `make test`.

use std::path::PathBuf;

use harmonic_models::{Store, default_root};

/// Opens the store.
#[expect(clippy::disallowed_methods, reason = "tests read the environment themselves")]
pub fn open() -> Store {
    let var = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
    let data = || var("XDG_DATA_HOME").map(PathBuf::from);
    let home = || var("HOME").map(|home| PathBuf::from(home).join(".local/share"));
    let root = var("HARMONIC_MODELS").map(PathBuf::from);
    let root = root.or_else(|| data().or_else(home).map(|data| default_root(&data)));
    Store::new(root.expect("HARMONIC_MODELS, XDG_DATA_HOME or HOME is set"))
}

/// File that `name` runs from.
#[allow(dead_code, reason = "not used by every test that includes this file")]
pub fn path(name: &str) -> PathBuf {
    let found = open().find(name).expect("the store is readable");
    found.unwrap_or_else(|| panic!("{name} is in the store: `make test` pulls it")).path
}
