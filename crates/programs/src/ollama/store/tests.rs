use std::os::unix::fs::symlink;

use harmonic_types::Sampling;
use serde_json::Value;
use tempfile::TempDir;

use super::*;

/// A model store and a model file beside it.
struct Fixture {
    folder: TempDir,
}

impl Fixture {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("base.gguf"), "GGUF weights").unwrap();
        Self { folder }
    }

    fn store(&self) -> PathBuf {
        self.folder.path().join("models")
    }

    fn gguf(&self) -> PathBuf {
        self.folder.path().join("base.gguf")
    }

    fn model(&self, name: &str) -> OllamaModel {
        OllamaModel {
            name: name.to_owned(),
            gguf: self.gguf(),
            digest: "ab".repeat(32),
            family: "llama".to_owned(),
            format: "Q4_1".to_owned(),
            template: None,
            system: format!("You are {name}."),
            parameters: Parameters::of_agent(Tokens(512), &Sampling::default()).unwrap(),
            context: Tokens(2048),
        }
    }

    fn manifest_path(&self, name: &str) -> PathBuf {
        self.store().join("manifests/registry.ollama.ai/library").join(name).join("latest")
    }

    fn manifest(&self, name: &str) -> Value {
        serde_json::from_slice(&fs::read(self.manifest_path(name)).unwrap()).unwrap()
    }

    fn blobs(&self) -> Vec<String> {
        entries(&self.store().join("blobs")).unwrap()
    }

    /// Content of the layer of `manifest` whose type ends with `kind`.
    fn layer(&self, manifest: &Value, kind: &str) -> Option<Vec<u8>> {
        let layers = manifest["layers"].as_array().unwrap().iter().chain([&manifest["config"]]);
        let mut of_kind =
            layers.filter(|layer| layer["mediaType"].as_str().unwrap().ends_with(kind));
        let layer = of_kind.next()?;
        let blob = layer["digest"].as_str().unwrap().replace(':', "-");
        let content = fs::read(self.store().join("blobs").join(blob)).unwrap();
        assert_eq!(content.len() as u64, layer["size"].as_u64().unwrap(), "{layer}");
        Some(content)
    }
}

#[test]
fn a_model_is_a_manifest_with_small_layers_and_a_link_to_its_file() {
    let fixture = Fixture::new();
    register(&fixture.store(), &[fixture.model("coder")]).unwrap();
    let manifest = fixture.manifest("coder");
    assert_eq!(manifest["schemaVersion"], 2);
    assert_eq!(fixture.layer(&manifest, ".system").unwrap(), b"You are coder.");
    assert_eq!(fixture.layer(&manifest, ".model").unwrap(), b"GGUF weights");
    let parameters: Value =
        serde_json::from_slice(&fixture.layer(&manifest, ".params").unwrap()).unwrap();
    assert_eq!(parameters["num_ctx"], 2048);
    assert_eq!(parameters["temperature"], 0.7);
    let config: Value =
        serde_json::from_slice(&fixture.layer(&manifest, "container.image.v1+json").unwrap())
            .unwrap();
    assert_eq!(
        (&config["model_family"], &config["model_format"]),
        (&"llama".into(), &"gguf".into())
    );
    assert_eq!(fixture.layer(&manifest, ".template"), None);
    let blob = fixture.store().join("blobs").join(format!("sha256-{}", "ab".repeat(32)));
    assert_eq!(fs::read_link(blob).unwrap(), fixture.gguf());
    assert_eq!(entries(&fixture.store()).unwrap(), ["blobs", "harmonic-stack.lock", "manifests"]);
}

#[test]
fn agents_of_one_file_share_its_link_and_a_second_registration_changes_nothing() {
    let fixture = Fixture::new();
    let models = ["a", "b", "c"].map(|name| fixture.model(name));
    register(&fixture.store(), &models).unwrap();
    let before = (fixture.blobs(), fixture.manifest("b"));
    register(&fixture.store(), &models).unwrap();
    assert_eq!((fixture.blobs(), fixture.manifest("b")), before);
    assert_eq!(registered(&fixture.store()).unwrap(), ["a:latest", "b:latest", "c:latest"]);
}

#[test]
fn what_was_registered_is_removed_and_no_more() {
    let fixture = Fixture::new();
    register(&fixture.store(), &[fixture.model("a"), fixture.model("b")]).unwrap();
    unregister(&fixture.store(), &["a".to_owned(), "never".to_owned()]).unwrap();
    assert!(!fixture.manifest_path("a").exists());
    for kind in [".system", ".model", ".params"] {
        assert!(fixture.layer(&fixture.manifest("b"), kind).is_some(), "{kind}");
    }
    unregister(&fixture.store(), &["b:latest".to_owned()]).unwrap();
    assert_eq!(fixture.blobs(), Vec::<String>::new());
    assert_eq!(fs::read(fixture.gguf()).unwrap(), b"GGUF weights");
}

#[test]
fn models_of_others_are_neither_replaced_nor_removed() {
    let fixture = Fixture::new();
    register(&fixture.store(), &[fixture.model("mine")]).unwrap();
    for theirs in [
        r#"{"schemaVersion":2,"config":{"mediaType":"c","digest":"sha256:1","size":1},"layers":[]}"#,
        "{}",
        "",
    ] {
        let path = fixture.manifest_path("theirs");
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, theirs).unwrap();
        register(&fixture.store(), &[fixture.model("new")]).unwrap();
        for name in ["theirs", "Theirs"] {
            let refused =
                register(&fixture.store(), &[fixture.model(name)]).unwrap_err().to_string();
            assert!(refused.contains(&format!("`{name}:latest` exists in")), "{refused}");
        }
        let refused = unregister(&fixture.store(), &["theirs".to_owned()]).unwrap_err();
        assert!(matches!(refused, ProgramError::Foreign { .. }), "{refused}");
        assert_eq!(fs::read_to_string(&path).unwrap(), theirs);
        assert_eq!(registered(&fixture.store()).unwrap(), ["mine:latest", "new:latest"]);
        unregister(&fixture.store(), &["new".to_owned()]).unwrap();
    }
}

#[test]
fn blobs_stay_while_it_is_not_known_who_uses_them() {
    let fixture = Fixture::new();
    register(&fixture.store(), &[fixture.model("a")]).unwrap();
    let blobs = fixture.blobs();
    let broken = fixture.store().join("manifests/example.org/them/model");
    fs::create_dir_all(&broken).unwrap();
    fs::write(broken.join("latest"), "not JSON").unwrap();
    unregister(&fixture.store(), &["a".to_owned()]).unwrap();
    assert_eq!(fixture.blobs(), blobs);
}

#[test]
fn a_model_file_that_ollama_has_stays_its_own() {
    let fixture = Fixture::new();
    let blob = fixture.store().join("blobs").join(format!("sha256-{}", "ab".repeat(32)));
    fs::create_dir_all(blob.parent().unwrap()).unwrap();
    fs::write(&blob, "GGUF weights").unwrap();
    register(&fixture.store(), &[fixture.model("a")]).unwrap();
    unregister(&fixture.store(), &["a".to_owned()]).unwrap();
    assert!(fs::symlink_metadata(&blob).unwrap().is_file());
    fs::write(&blob, "cut").unwrap();
    let refused = register(&fixture.store(), &[fixture.model("a")]).unwrap_err().to_string();
    assert!(refused.contains("differs in size"), "{refused}");
}

#[test]
fn a_link_to_a_file_that_has_moved_is_renewed() {
    let fixture = Fixture::new();
    let blob = fixture.store().join("blobs").join(format!("sha256-{}", "ab".repeat(32)));
    fs::create_dir_all(blob.parent().unwrap()).unwrap();
    symlink("/nowhere/base.gguf", &blob).unwrap();
    register(&fixture.store(), &[fixture.model("a")]).unwrap();
    assert_eq!(fs::read_link(&blob).unwrap(), fixture.gguf());
}

#[test]
fn an_invalid_model_is_refused_before_anything_is_written() {
    let fixture = Fixture::new();
    let model = || fixture.model("a");
    let wrong = [
        OllamaModel { name: "../../a".to_owned(), ..model() },
        OllamaModel { name: String::new(), ..model() },
        OllamaModel { digest: "sha256:ab".to_owned(), ..model() },
        OllamaModel { digest: "../".repeat(21) + "x", ..model() },
        OllamaModel { digest: "é".repeat(32), ..model() },
        OllamaModel { family: String::new(), ..model() },
        OllamaModel { gguf: fixture.folder.path().join("absent"), ..model() },
        OllamaModel { gguf: fixture.folder.path().to_owned(), ..model() },
        OllamaModel { context: Tokens(0), ..model() },
        OllamaModel { context: Tokens(u32::MAX), ..model() },
    ];
    for wrong in wrong {
        let shown = format!("{wrong:?}");
        register(&fixture.store(), &[fixture.model("good"), wrong]).expect_err(&shown);
        assert!(!fixture.store().exists(), "{shown}");
    }
    let twice = [fixture.model("coder"), fixture.model("Coder")];
    let refused = register(&fixture.store(), &twice).unwrap_err().to_string();
    assert!(refused.contains("which `coder` has, too"), "{refused}");
    let other = OllamaModel { context: Tokens(4096), ..fixture.model("b") };
    let refused = register(&fixture.store(), &[model(), other]).unwrap_err().to_string();
    assert!(refused.contains("each request would reload it"), "{refused}");
}
