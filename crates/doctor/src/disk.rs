//! Disk space for models.

use harmonic_types::Bytes;

use super::{Advice, Facts, Severity};

/// `smollm2:135m` as shipped and as converted (98.4 MB and 269.1 MB), and other files of a pull.
const STARTER: Bytes = Bytes(500_000_000);

/// Qwen's own `Q4_K_M` files of the stack `standard`: 2.50, 5.03 and 9.00 GB
/// (`docs/sources.md#files-of-qwen3`).
const STANDARD: Bytes = Bytes(16_526_816_704);

/// Reports less free space than the built-in stacks need.
pub(super) fn check(facts: &Facts) -> Option<Advice> {
    let store = facts.store.as_ref()?;
    let (severity, needs) = match store.free {
        free if free < STARTER => (Severity::Error, format!("the stack `starter` needs {STARTER}")),
        free if free < STANDARD => {
            (Severity::Warning, format!("the models of the stack `standard` are {STANDARD}"))
        }
        _ => return None,
    };
    Some(Advice::new(
        "disk-low",
        severity,
        format!("{} are free for models in {}", store.free, store.path.display()),
        needs,
        "remove models with `harmonic models rm NAME`, or set HARMONIC_MODELS to a folder on \
         another disk",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::StoreSpace;

    #[test]
    fn the_severity_depends_on_the_stacks_that_fit() {
        let severity = |free| {
            let store = Some(StoreSpace { path: "/models".into(), free: Bytes(free) });
            check(&Facts { store, ..Facts::default() }).map(|advice| advice.severity)
        };
        assert_eq!(severity(STARTER.0 - 1), Some(Severity::Error));
        assert_eq!(severity(STARTER.0), Some(Severity::Warning));
        assert_eq!(severity(STANDARD.0 - 1), Some(Severity::Warning));
        assert_eq!(severity(STANDARD.0), None);
        assert_eq!(check(&Facts::default()), None);
    }
}
