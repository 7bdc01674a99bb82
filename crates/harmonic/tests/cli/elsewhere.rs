//! Models downloaded by other tools, and models in several files: named, planned, shown and served
//! in place, without a network.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::harness::{Server, User};

fn text(value: &str) -> Vec<u8> {
    [&(value.len() as u64).to_le_bytes(), value.as_bytes()].concat()
}

/// List of the texts 0, 1 and so on.
fn texts(count: u64) -> Vec<u8> {
    let all = (0..count).flat_map(|index| text(&index.to_string()));
    [8_u32.to_le_bytes().to_vec(), count.to_le_bytes().to_vec(), all.collect()].concat()
}

/// File that can be planned but not run: a header, and one matrix of zeros. With `shard`, one of
/// several files, of which the first has the metadata.
fn gguf(shard: Option<(u16, u16)>) -> Vec<u8> {
    let number = |key: &str, value: u32| (key.to_owned(), 4, value.to_le_bytes().to_vec());
    let mut entries: Vec<(String, u32, Vec<u8>)> = vec![
        ("general.architecture".to_owned(), 8, text("llama")),
        number("llama.block_count", 1),
        number("llama.embedding_length", 32),
        number("llama.context_length", 512),
        number("llama.attention.head_count", 4),
        number("llama.attention.head_count_kv", 2),
        ("tokenizer.ggml.model".to_owned(), 8, text("gpt2")),
        ("tokenizer.ggml.tokens".to_owned(), 9, texts(16)),
        ("tokenizer.ggml.merges".to_owned(), 9, texts(1)),
    ];
    let mut name = "token_embd.weight".to_owned();
    if let Some((index, count)) = shard {
        if index > 0 {
            entries.truncate(1);
            name = format!("blk.0.part_{index}.weight");
        }
        for (key, value) in [("no", index), ("count", count), ("tensors.count", count)] {
            entries.push((format!("split.{key}"), 2, value.to_le_bytes().to_vec()));
        }
    }
    let mut bytes = b"GGUF".to_vec();
    bytes.extend(3_u32.to_le_bytes());
    bytes.extend(1_u64.to_le_bytes());
    bytes.extend((entries.len() as u64).to_le_bytes());
    for (key, kind, value) in entries {
        bytes.extend([text(&key), kind.to_le_bytes().to_vec(), value].concat());
    }
    bytes.extend(text(&name));
    bytes.extend(2_u32.to_le_bytes());
    bytes.extend([32_u64, 16].iter().flat_map(|side| side.to_le_bytes()));
    bytes.extend(0_u32.to_le_bytes());
    bytes.extend(0_u64.to_le_bytes());
    bytes.resize(bytes.len().next_multiple_of(32) + 32 * 16 * 4, 0);
    bytes
}

fn write(path: &Path, bytes: &[u8]) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, bytes).unwrap();
}

/// A model in each tool's cache, all below the user's home.
fn caches(user: &User) {
    let hub = user.home().join(".cache/huggingface/hub/models--org--repo");
    write(&hub.join("snapshots/abc/m-Q4_K_M.gguf"), &gguf(None));
    write(&hub.join("refs/main"), b"abc");
    write(&user.home().join(".lmstudio/models/pub/repo/mine.gguf"), &gguf(None));
    write(&user.home().join(".cache/llama.cpp/smollm2:135m.gguf"), &gguf(None));
    let ollama = user.home().join(".ollama/models");
    let digest = "ab".repeat(32);
    write(&ollama.join(format!("blobs/sha256-{digest}")), &gguf(None));
    let manifest = format!(
        r#"{{"layers":[{{"mediaType":"application/vnd.ollama.image.model","digest":"sha256:{digest}"}}]}}"#
    );
    let library = ollama.join("manifests/registry.ollama.ai/library");
    write(&library.join("qwen3/4b"), manifest.as_bytes());
}

/// Stack of one agent on `model`.
fn stack(user: &User, model: &str) -> String {
    let text = format!(
        "name = \"one\"\n[[agents]]\nname = \"a\"\ntier = 3\nmodel = \"{model}\"\ncontext = 256\n\
         role = \"tests\"\nsystem = \"You test.\"\n"
    );
    user.file("one.toml", text).display().to_string()
}

fn planned(user: &User, model: &str) -> PathBuf {
    let stack = stack(user, model);
    let plan: Value = user.run(["plan", "--stack", &stack, "--json"]).json();
    plan["engines"][0]["path"].as_str().unwrap_or_else(|| panic!("{model}: {plan}")).into()
}

#[test]
fn listed_models_can_be_named() {
    let user = User::new();
    caches(&user);
    let listed = user.run(["models", "list", "--json"]).json();
    let found: Vec<(&str, &str)> = listed["found"]
        .as_array()
        .unwrap()
        .iter()
        .map(|found| {
            let file = &found["file"];
            (file["name"].as_str().unwrap(), file["path"].as_str().unwrap())
        })
        .collect();
    let names: Vec<&str> = found.iter().map(|(name, _)| *name).collect();
    assert_eq!(
        names,
        ["hf:org/repo/m-Q4_K_M.gguf", "ollama:qwen3:4b", "mine", "llama.cpp:smollm2:135m.gguf"]
    );
    for (name, path) in &found {
        let shown = user.run(["models", "show", name, "--json"]).json();
        assert_eq!(shown["file"]["path"], *path, "{name}");
        assert_eq!(planned(&user, name), Path::new(path), "{name}");
    }
    for given in ["hf:org/repo:Q4_K_M", "https://huggingface.co/org/repo/blob/main/m-Q4_K_M.gguf"] {
        assert_eq!(planned(&user, given), Path::new(found[0].1), "{given}");
    }
    // Catalog names are reserved.
    let plan = user.run(["plan", "--stack", &stack(&user, "qwen3:4b"), "--json"]).json();
    assert_eq!(plan["engines"][0]["path"], Value::Null);
    user.run(["plan", "--stack", &stack(&user, "ollama:nothing")])
        .fails_with("unknown model `ollama:nothing`");
    assert!(user.has_no_model(), "nothing was copied");
}

#[test]
fn a_model_of_another_tool_is_used_where_it_lies() {
    let user = User::new();
    caches(&user);
    let stack = stack(&user, "ollama:qwen3:4b");
    let up = ["up", "--stack", &stack, "--engine", "sim", "--port", "0"];
    let server = Server::start(&mut user.harmonic(up));
    server.signal("INT");
    assert_eq!(server.end().code, Some(0));
    assert!(user.has_no_model(), "nothing was copied");
}

#[test]
fn a_model_in_several_files_is_one() {
    let user = User::new();
    let name = |index: u32| format!("big-{index:05}-of-00003.gguf");
    for index in 0..3_u16 {
        user.file(&name(u32::from(index) + 1), gguf(Some((index, 3))));
    }
    let first = user.home().join(name(1)).display().to_string();
    let pulled = user.run(["models", "pull", &first, "--json"]).json();
    assert_eq!(pulled["name"], "big");
    let weights = 3 * 32 * 16 * 4;
    assert_eq!(pulled["shape"]["weights_bytes"], weights);
    for given in ["big", "big-00001-of-00003", &first] {
        let path = planned(&user, given);
        assert!(path.to_str().unwrap().ends_with("-00001-of-00003.gguf"), "{given}: {path:?}");
    }
    let listed = user.run(["models", "list", "--json"]).json();
    assert_eq!(listed["stored"].as_array().unwrap().len(), 1);
    let removed = user.run(["models", "rm", "big", "--json"]).json();
    assert!(removed["freed_bytes"].as_u64().unwrap() > weights);
    assert!(user.has_no_model());

    fs::remove_file(user.home().join(name(2))).unwrap();
    user.run(["models", "pull", &first]).refuses(&["big-00002-of-00003.gguf", "is missing"]);
    user.run(["plan", "--stack", &self::stack(&user, &first)]).fails_with("is not in the store");
}
