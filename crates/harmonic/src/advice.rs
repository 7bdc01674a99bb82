//! Advice for the machine below a root, with what this process knows of it.
//!
//! Invariant: what is known of this process and its disk says nothing about a machine below another
//! root, and is left out there.

use harmonic_doctor::{Advice, Facts, StoreSpace, advise};
use harmonic_hardware::Sysroot;
use harmonic_types::Hardware;

use crate::settings::Settings;

/// GPU back ends that can be built in, by their cargo feature.
const BACK_ENDS: [(&str, bool); 4] = [
    ("cuda", cfg!(feature = "cuda")),
    ("rocm", cfg!(feature = "rocm")),
    ("vulkan", cfg!(feature = "vulkan")),
    ("metal", cfg!(feature = "metal")),
];

/// What there is to mend on the machine below `root`.
pub fn of(root: &Sysroot, hardware: &Hardware, settings: &Settings, paper: bool) -> Vec<Advice> {
    let built = BACK_ENDS.into_iter().filter(|(_, built)| *built);
    let mut facts = Facts {
        back_ends: built.map(|(feature, _)| feature.to_owned()).collect(),
        paper,
        ..Facts::default()
    };
    if root.is_live() {
        facts.environment.clone_from(&settings.environment);
        // A disk that cannot be measured is no reason to be silent about all else.
        let free = settings.store.free().ok();
        facts.store = free.map(|free| StoreSpace { path: settings.store.root().to_owned(), free });
    }
    advise(root, hardware, &facts)
}
