//! Arbitrary input: every import returns, and what it returns is a stack file.
#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::fs;
use std::path::Path;

use harmonic_import::{
    Imported, Modelfile, Surroundings, llama_swap, modelfiles, ollama_store, presets,
};
use proptest::prelude::*;

const SURROUNDINGS: Surroundings<'_> = Surroundings { home: Some("/home/me"), catalog: &[] };

/// Holds the invariants of an import.
fn check(imported: &Imported) {
    let text = imported.text();
    assert_eq!(text.is_some(), imported.stack.is_some());
    if let Some(text) = text {
        let read = harmonic_stack::parse(&text, "imported.toml").unwrap();
        assert_eq!(Some(read), imported.stack);
    }
    for note in &imported.notes {
        let shown = note.to_string();
        assert!(!shown.chars().any(char::is_control), "{shown:?}");
    }
}

fn check_all(text: &str) {
    let file = Modelfile { path: Path::new("a.Modelfile"), text };
    let imports = [
        modelfiles(&[file], &SURROUNDINGS),
        presets(text, "presets.ini"),
        llama_swap(text, "config.yaml", &SURROUNDINGS),
    ];
    for import in imports {
        match import {
            Ok(imported) => check(&imported),
            Err(error) => assert!(!error.to_string().is_empty()),
        }
    }
}

/// Texts that resemble one of the formats: their words in any order.
fn resembling(words: &'static [&'static str]) -> impl Strategy<Value = String> {
    let word = prop_oneof![
        8 => proptest::sample::select(words).prop_map(str::to_owned),
        1 => ".{0,8}",
        1 => "[0-9.eE+-]{1,8}",
    ];
    proptest::collection::vec(word, 0..60).prop_map(|words| words.concat())
}

const MODELFILE: &[&str] = &[
    "FROM a:b\n",
    "FROM ",
    "SYSTEM ",
    "PARAMETER ",
    "num_ctx ",
    "temperature ",
    "top_k ",
    "stop ",
    "MESSAGE ",
    "system ",
    "ADAPTER x",
    "# harmonic: ",
    "{\"tier\":2,",
    "\"",
    "\"\"\"",
    "\n",
    "\r",
    " ",
    "\t",
    "TEMPLATE ",
    "\u{feff}",
    "../",
    "/x.gguf",
];

const PRESETS: &[&str] = &[
    "[",
    "]",
    "[*]\n",
    "[m]\n",
    "[a/b:Q4]\n",
    "model = /m\n",
    "m=",
    "ctx-size = ",
    "np = ",
    "temp = ",
    "top-k=",
    "hf = ",
    "kv-unified = ",
    "lora = x\n",
    "no-kv-unified=",
    " ",
    ";",
    "#",
    "=",
    "\n",
    "\r",
    "LLAMA_ARG_CTX_SIZE = ",
    "on\n",
    "0\n",
    "chat-template-kwargs = {",
];

const SWAP: &[&str] = &[
    "models:\n",
    "  m:\n",
    "    cmd: ",
    "llama-server ",
    "-m /x ",
    "-c ",
    "-np ",
    "--temp ",
    "${a}",
    "${PORT}",
    "${env.HOME}",
    "macros:\n",
    "  a: ",
    "\n",
    "  ",
    "- ",
    "'",
    "\"",
    "&x ",
    "*x",
    "<<: ",
    "{",
    "}",
    "[",
    "]",
    ", ",
    "|\n",
    ">\n",
    "    env: [",
    "A=1",
    "    filters: {setParams: {top_p: ",
    "---\n",
    "!t ",
    "? ",
    ": ",
    "# ",
    "\t",
    "-hf a/b",
];

proptest! {
    #[test]
    fn any_bytes_are_imported_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        check_all(&String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn any_text_is_imported_or_refused(text in "(.|\n){0,300}") {
        check_all(&text);
    }

    #[test]
    fn what_resembles_a_modelfile_is_imported_or_refused(text in resembling(MODELFILE)) {
        check_all(&text);
    }

    #[test]
    fn what_resembles_presets_is_imported_or_refused(text in resembling(PRESETS)) {
        check_all(&text);
    }

    #[test]
    fn what_resembles_a_configuration_is_imported_or_refused(text in resembling(SWAP)) {
        check_all(&text);
    }

    #[test]
    fn any_content_of_a_store_is_imported_or_left_out(
        manifest in prop_oneof![any::<Vec<u8>>(), Just(MANIFEST.as_bytes().to_vec())],
        blob in any::<Vec<u8>>(),
        name in "[^/\0]{1,40}",
    ) {
        prop_assume!(name != "." && name != "..");
        let store = tempfile::tempdir().unwrap();
        let folder = store.path().join("manifests/registry.ollama.ai/library").join(&name);
        fs::create_dir_all(&folder).unwrap();
        fs::create_dir_all(store.path().join("blobs")).unwrap();
        fs::write(folder.join("tag"), manifest).unwrap();
        for hex in ["0", "1", "2", "3"] {
            let path = format!("blobs/sha256-{}", hex.repeat(64));
            fs::write(store.path().join(path), &blob).unwrap();
        }
        check(&ollama_store(store.path()).unwrap());
    }
}

/// A manifest whose blobs are arbitrary.
const MANIFEST: &str = r#"{
    "config": {"mediaType": "x", "digest": "sha256:0000000000000000000000000000000000000000000000000000000000000000"},
    "layers": [
        {"mediaType": "application/vnd.ollama.image.model", "digest": "sha256:1111111111111111111111111111111111111111111111111111111111111111"},
        {"mediaType": "application/vnd.ollama.image.params", "digest": "sha256:2222222222222222222222222222222222222222222222222222222222222222"},
        {"mediaType": "application/vnd.ollama.image.system", "digest": "sha256:3333333333333333333333333333333333333333333333333333333333333333"}
    ]
}"#;
