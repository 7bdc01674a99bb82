//! Identity of what an engine runs, which a measurement of it is valid for.
//!
//! Invariants: describes the engine as started, which may differ from the plan; unknown values are
//! `None`.
//!
//! Does not do: looking anything up in the store, which may hold another file of that name by now.

use harmonic_types::{EnginePlan, KvLayout, KvType};
use serde::Serialize;

/// Model file, build and KV cache format of an engine. All unknown by default.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Identity {
    /// sha256 of the loaded model file.
    pub digest: Option<String>,
    /// Weight format.
    pub format: Option<String>,
    /// Kind and build of the engine (`llama.cpp/sys-0.1.161`).
    pub build: Option<String>,
    /// Layout of the KV cache; `None` without one.
    pub kv_layout: Option<KvLayout>,
    /// Element type of the KV cache; `None` without one.
    pub kv_type: Option<KvType>,
}

impl Identity {
    /// Identity of an engine of this workspace started as planned. Engines with kernels of another
    /// version replace `build`.
    pub fn of(engine: &EnginePlan) -> Self {
        let has_cache = engine.kv_tokens().is_some_and(|cells| cells > 0);
        Self {
            digest: engine.digest.clone(),
            format: Some(engine.format.clone()),
            build: Some(format!("{}/{}", engine.spec.kind(), env!("CARGO_PKG_VERSION"))),
            kv_layout: engine.kv_layout().filter(|_| has_cache),
            kv_type: engine.kv_type().filter(|_| has_cache),
        }
    }

    /// Replaces the weight format by that of the loaded file. If it differs from the plan, the file
    /// was replaced and its digest is unknown.
    #[must_use]
    pub fn with_format(self, format: String) -> Self {
        let planned = self.format.as_ref() == Some(&format);
        Self { digest: self.digest.filter(|_| planned), format: Some(format), ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_another_format_than_planned_has_an_unknown_digest() {
        let planned = Identity {
            digest: Some("b179".to_owned()),
            format: Some("F16".to_owned()),
            ..Identity::default()
        };
        assert_eq!(planned.clone().with_format("F16".to_owned()), planned);
        let replaced = planned.with_format("Q8_0".to_owned());
        assert_eq!((replaced.digest, replaced.format.as_deref()), (None, Some("Q8_0")));
    }
}
