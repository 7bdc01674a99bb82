use harmonic_types::Tokens;
use tempfile::TempDir;

use super::*;

/// A store in a folder of its own.
struct Store {
    folder: TempDir,
}

impl Store {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("blobs")).unwrap();
        fs::create_dir_all(folder.path().join("manifests")).unwrap();
        Self { folder }
    }

    /// A layer of that kind and digest `number`, with this content unless it is absent.
    fn layer(&self, kind: &str, number: u8, content: Option<&str>) -> serde_json::Value {
        let hex = format!("{number:02x}").repeat(32);
        if let Some(content) = content {
            fs::write(self.folder.path().join(format!("blobs/sha256-{hex}")), content).unwrap();
        }
        let media_type = format!("application/vnd.ollama.image.{kind}");
        serde_json::json!({"mediaType": media_type, "digest": format!("sha256:{hex}"), "size": 1})
    }

    fn model(&self, name: &str, layers: &[serde_json::Value]) {
        let manifest = serde_json::json!({"schemaVersion": 2, "layers": layers});
        self.manifest(name, &manifest.to_string());
    }

    fn manifest(&self, name: &str, text: &str) {
        let path = self.folder.path().join("manifests").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn import(&self) -> Imported {
        ollama_store(self.folder.path()).unwrap()
    }
}

fn left_out(imported: &Imported) -> Vec<(&str, &str)> {
    let notes = imported.notes.iter().filter(|note| note.kind == NoteKind::LeftOut);
    notes.map(|note| (note.subject.as_str(), note.reason.as_str())).collect()
}

const LIBRARY: &str = "registry.ollama.ai/library";

#[test]
fn an_installed_model_is_an_agent_on_its_blob() {
    let store = Store::new();
    let weights = store.layer("model", 1, Some("weights"));
    let system = store.layer("system", 2, Some("You code."));
    let parameters = r#"{"num_ctx": 8192, "temperature": 0.6, "stop": ["a", "b"], "what": 1}"#;
    let parameters = store.layer("params", 3, Some(parameters));
    let template = store.layer("template", 4, Some("{{ .Prompt }}"));
    let layers = [weights.clone(), system, parameters, template];
    store.model(&format!("{LIBRARY}/qwen3/4b"), &layers);
    store.model(&format!("{LIBRARY}/qwen3/latest"), std::slice::from_ref(&weights));
    store.model("host.example/me/mine/v1", &[weights]);
    let imported = store.import();
    let stack = imported.stack.as_ref().unwrap();
    let names: Vec<&str> = stack.agents.iter().map(|agent| agent.name.0.as_str()).collect();
    assert_eq!(names, ["host-example-me-mine-v1", "qwen3-4b", "qwen3"]);
    assert_eq!(stack.models().len(), 1, "one base, whose weights are loaded once");
    let blob = store.folder.path().canonicalize().unwrap();
    let blob = blob.join(format!("blobs/sha256-{}", "01".repeat(32)));
    let agent = &stack.agents[1];
    assert_eq!(agent.model, blob.to_str().unwrap());
    assert_eq!((agent.context, agent.system.as_str()), (Tokens(8192), "You code."));
    assert!((agent.sampling.temperature - 0.6).abs() < 1e-6);
    let noted: Vec<_> = imported.notes.iter().map(|note| note.subject.as_str()).collect();
    for subject in ["stop", "what", "template"] {
        assert!(noted.contains(&subject), "{subject}: {noted:?}");
    }
}

#[test]
fn a_model_that_cannot_be_an_agent_is_left_out_with_the_reason() {
    let store = Store::new();
    let weights = store.layer("model", 1, Some("weights"));
    store.model(&format!("{LIBRARY}/absent/a"), &[store.layer("model", 9, None)]);
    let projector = store.layer("projector", 2, Some("p"));
    store.model(&format!("{LIBRARY}/sees/a"), &[weights.clone(), projector]);
    let adapter = store.layer("adapter", 2, Some("p"));
    store.model(&format!("{LIBRARY}/tuned/a"), &[weights.clone(), adapter]);
    store.model(&format!("{LIBRARY}/empty/a"), &[]);
    store.manifest(&format!("{LIBRARY}/broken/a"), "{");
    let escape = serde_json::json!({
        "mediaType": "application/vnd.ollama.image.model",
        "digest": "sha256:../../../../etc/passwd",
    });
    store.model(&format!("{LIBRARY}/escape/a"), &[escape]);
    let config = store.layer("", 7, Some(r#"{"remote_host": "https://ollama.com"}"#));
    let manifest = serde_json::json!({"config": config, "layers": [weights]});
    store.manifest(&format!("{LIBRARY}/cloud/a"), &manifest.to_string());
    let imported = store.import();
    assert_eq!((&imported.stack, imported.text()), (&None, None));
    let expected = [
        ("absent:a", "not in the store"),
        ("broken:a", "manifest is invalid"),
        ("cloud:a", "another machine"),
        ("empty:a", "no weights"),
        ("escape:a", "digest of its weights is invalid"),
        ("sees:a", "needs a projector"),
        ("tuned:a", "needs an adapter"),
    ];
    let found = left_out(&imported);
    assert_eq!(found.len(), expected.len(), "{found:?}");
    for ((name, reason), (expected, words)) in found.into_iter().zip(expected) {
        assert_eq!(name, expected);
        assert!(reason.contains(words), "{name}: {reason}");
    }
}

#[test]
fn a_layer_that_is_too_long_is_noted_and_not_read() {
    let store = Store::new();
    let weights = store.layer("model", 1, Some("weights"));
    let long = "x".repeat(usize::try_from(MAX_TEXT).unwrap() + 1);
    let system = store.layer("system", 2, Some(&long));
    store.model(&format!("{LIBRARY}/m/a"), &[weights, system]);
    let imported = store.import();
    assert_eq!(imported.stack.as_ref().unwrap().agents[0].system, "");
    assert!(imported.notes.iter().any(|note| note.reason.contains("is too long")));
}

#[test]
fn a_folder_that_is_no_store_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    for path in [folder.path().to_owned(), folder.path().join("absent")] {
        let error = ollama_store(&path).unwrap_err().to_string();
        assert!(error.starts_with("no Ollama store in "), "{error}");
    }
}
