//! Names of engine builds, as in the keys of measurements.

use harmonic_types::EngineKind;

/// Name of the build of engines of this kind. Programs of others have their version after a slash
/// where it is known; here it is left out.
pub fn build(kind: EngineKind) -> String {
    match kind {
        EngineKind::Llama => harmonic_llama::BUILD.to_owned(),
        EngineKind::Sim => format!("{kind}/{}", env!("CARGO_PKG_VERSION")),
        EngineKind::Ollama | EngineKind::LlamaServer | EngineKind::Vllm | EngineKind::Remote => {
            kind.to_string()
        }
    }
}

/// Whether `name` is that of a build of this kind which is in use: of programs of others any version.
pub fn is_build(kind: EngineKind, name: &str) -> bool {
    let own = build(kind);
    let version = name.strip_prefix(own.as_str());
    name == own || (kind.program().is_some() && version.is_some_and(|rest| rest.starts_with('/')))
}

/// Whether an engine build, as named by [`build`], is a simulation.
pub fn is_simulated(build: &str) -> bool {
    build.starts_with("sim/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_of_others_has_builds_of_any_version_and_an_engine_in_this_process_one() {
        assert!(is_build(EngineKind::Ollama, "ollama"));
        assert!(is_build(EngineKind::Ollama, "ollama/0.33.0"));
        assert!(!is_build(EngineKind::Ollama, "ollama-next/1"));
        assert!(!is_build(EngineKind::Llama, &format!("{}/2", harmonic_llama::BUILD)));
        for kind in EngineKind::ALL {
            assert!(is_build(kind, &build(kind)), "{kind}");
            let others = EngineKind::ALL.into_iter().filter(|other| *other != kind);
            assert!(others.into_iter().all(|other| !is_build(other, &build(kind))), "{kind}");
        }
    }
}
