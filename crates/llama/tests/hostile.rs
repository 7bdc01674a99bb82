//! Untrusted model files: llama.cpp answers every file accepted by `harmonic_models` with a token
//! or an error, without ending the process.
//!
//! Files run in child processes, so that an abort is a test failure instead of the end of the test.
//! A child prints the name of each file before running it; if it dies, the last one is at fault and
//! another child runs the rest.

mod embed;
mod run;

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

use harmonic_engine::Token;
use harmonic_engine::chat::Vocabulary as _;
use harmonic_llama::Model;
use harmonic_models::ModelFiles;
use harmonic_models::gguf::{GgufBuilder, Header, Metadata, Value, shape};
use harmonic_models::synthetic::{StateSpace, SyntheticModel, TokenKind, Vocabulary};

/// Environment variable with the folder of the files.
const FOLDER: &str = "HARMONIC_HOSTILE_FOLDER";

const STATE: StateSpace = StateSpace {
    conv_kernel: 4,
    inner_size: 128,
    state_size: 32,
    time_step_rank: 4,
    group_count: 2,
};

/// Keys that llama.cpp reads and the models lack, by type.
const WHOLE: [&str; 20] = [
    ".attention.key_length",
    ".attention.value_length",
    ".attention.sliding_window",
    ".attention.head_count",
    ".attention.head_count_kv",
    ".nextn_predict_layers",
    ".expert_count",
    ".expert_used_count",
    ".expert_group_count",
    ".expert_gating_func",
    ".pooling_type",
    ".rope.dimension_count",
    ".rope.scaling.original_context_length",
    ".full_attention_interval",
    ".ssm.group_count",
    ".leading_dense_block_count",
    ".embedding_length_out",
    "tokenizer.ggml.eot_token_id",
    "tokenizer.ggml.mask_token_id",
    "general.quantization_version",
];
const REAL: [&str; 8] = [
    ".rope.freq_base",
    ".rope.scaling.factor",
    ".rope.scaling.attn_factor",
    ".attention.scale",
    ".attention.clamp_kqv",
    ".attention.max_alibi_bias",
    ".attention.layer_norm_epsilon",
    ".logit_scale",
];

/// Replacements for a value of each type.
fn instead(value: &Value) -> Vec<Metadata> {
    let whole = [0, 1, 3, 64, 1 << 20, 1 << 31, u32::MAX].map(Metadata::U32);
    let real = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, -1.0, 0.0, 1e-40, 1e30];
    match value {
        Value::Unsigned(_) | Value::Signed(_) => whole.to_vec(),
        Value::Float(_) => real.map(Metadata::F32).to_vec(),
        Value::Bool(flag) => vec![Metadata::Bool(!flag), Metadata::U32(2)],
        Value::Text(_) => ["", "none", "llama", "gpt2", "bert", "rwkv", "t5", "clip", "\u{fffd}"]
            .map(Metadata::text)
            .to_vec(),
        Value::Array { .. } => vec![
            Metadata::list([]),
            Metadata::texts(["a"]),
            Metadata::texts(["a", "a"]),
            Metadata::texts(vec!["<0x00>"; 300]),
            Metadata::list(vec![Metadata::I32(6); 300]),
            Metadata::list(vec![Metadata::U32(0); 4]),
            Metadata::list([0, 3, 7, 1].map(Metadata::U32)),
            Metadata::list(vec![Metadata::F32(f32::NAN); 300]),
        ],
    }
}

/// Mutants of `file`, by a description of the change.
fn mutants(name: &str, file: &GgufBuilder) -> BTreeMap<String, GgufBuilder> {
    let bytes = file.header();
    let header = Header::read(&bytes[..], bytes.len() as u64).expect("readable");
    let mut made = BTreeMap::new();
    let mut add = |key: &str, value: &Metadata| {
        let label = format!("{value:?}");
        let label: String = label.chars().filter(char::is_ascii_alphanumeric).take(24).collect();
        let number = made.len();
        made.insert(format!("{name}{key}={label}#{number}"), file.clone().with(key, value));
    };
    // Most models share a vocabulary, and names and templates are only texts.
    let dull = |key: &str| {
        key == "general.name"
            || key == "tokenizer.chat_template"
            || (key.starts_with("tokenizer.") && !matches!(name, "llama" | "spm" | "bert"))
    };
    for (key, value) in header.metadata.iter().filter(|(key, _)| !dull(key)) {
        for value in instead(value) {
            add(key, &value);
        }
    }
    // Keys read for all models are mutated in one model with a recurrent state and in one without.
    let (whole, real) = match name {
        "llama" | "qwen" => (&WHOLE[..], &REAL[..]),
        _ => (&[][..], &[][..]),
    };
    for key in whole {
        for value in instead(&Value::Unsigned(0)) {
            add(key, &value);
        }
    }
    for key in real {
        for value in instead(&Value::Float(0.0)) {
            add(key, &value);
        }
    }
    for key in header.metadata.keys() {
        made.insert(format!("{name} without {key}"), file.clone().without(key));
    }
    made
}

/// Files with several changed values.
fn by_hand() -> BTreeMap<String, GgufBuilder> {
    let model = SyntheticModel::tiny();
    let spm = |vocabulary| SyntheticModel { vocabulary, ..SyntheticModel::tiny() }.llama();
    let mixture = model.llama().number(".expert_count", 4).number(".expert_used_count", 2);
    BTreeMap::from([
        ("mixture without experts".to_owned(), mixture),
        ("odd heads".to_owned(), {
            let odd = SyntheticModel { width: 60, heads: 4, ..SyntheticModel::tiny() };
            odd.llama()
        }),
        ("one head".to_owned(), {
            SyntheticModel { width: 62, heads: 1, kv_heads: 1, ..SyntheticModel::tiny() }.llama()
        }),
        ("spm of odd bytes".to_owned(), spm(Vocabulary::spm().token("<0x1>", TokenKind::Byte))),
        ("unused and unknown".to_owned(), {
            let vocabulary = Vocabulary::byte_bpe()
                .token("[PAD]", TokenKind::Unused)
                .token("[UNK]", TokenKind::Unknown);
            spm(vocabulary)
        }),
        ("adds an end".to_owned(), model.llama().flag("tokenizer.ggml.add_eos_token", true)),
        ("adds a separator".to_owned(), model.llama().flag("tokenizer.ggml.add_sep_token", true)),
    ])
}

fn passes(file: &GgufBuilder) -> bool {
    // Tensor data are generated only for files that are run.
    let bytes = file.header();
    let length = bytes.len() as u64;
    Header::read(&bytes[..], length).is_ok_and(|header| shape(&header).is_ok())
}

/// Time limit for one file; the slowest takes seconds, so a file that reaches it hangs.
const PATIENCE: Duration = Duration::from_mins(5);

/// Runs the files of `folder` in child processes; returns those on which one died or hung.
fn deadly(folder: &Path) -> Vec<String> {
    let mut dead = Vec::new();
    loop {
        let mut child = Command::new(std::env::current_exe().expect("this test"))
            .args(["--exact", "the_child", "--ignored", "--nocapture", "--test-threads=1"])
            .env(FOLDER, folder)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("a child");
        let said = BufReader::new(child.stdout.take().expect("piped"));
        let (tell, told) = mpsc::channel();
        let reader = std::thread::spawn(move || {
            // A child that died may have written an incomplete line.
            said.lines().map_while(Result::ok).try_for_each(|line| tell.send(line))
        });
        let mut last: Option<String> = None;
        let hangs = loop {
            match told.recv_timeout(PATIENCE) {
                Ok(line) => {
                    let Some(file) = line.strip_prefix("file ") else { continue };
                    if let Some(done) = last.replace(file.to_owned()) {
                        std::fs::remove_file(folder.join(done)).expect("run once");
                    }
                }
                Err(RecvTimeoutError::Timeout) => break true,
                Err(RecvTimeoutError::Disconnected) => break false,
            }
        };
        if hangs {
            child.kill().expect("a child that still runs");
        }
        let status = child.wait().expect("a child that ended");
        reader.join().expect("reads").unwrap_or_default();
        if status.success() {
            return dead;
        }
        let last = last.expect("a child that named a file");
        std::fs::remove_file(folder.join(&last)).expect("run once");
        dead.push(format!(
            "{last}: {}",
            if hangs { "hangs".to_owned() } else { status.to_string() }
        ));
    }
}

#[test]
fn accepted_files_never_end_the_process() {
    let model = SyntheticModel { layers: 4, ..SyntheticModel::tiny() };
    let spm = SyntheticModel { vocabulary: Vocabulary::spm(), ..SyntheticModel::tiny() };
    let encoder = SyntheticModel { vocabulary: Vocabulary::word_piece(), ..SyntheticModel::tiny() };
    let models = [
        ("llama", SyntheticModel::tiny().llama()),
        ("spm", spm.llama()),
        ("lfm2", model.lfm2(3, |layer| layer % 2 == 1)),
        ("mamba2", model.mamba2(STATE)),
        ("falcon", model.falcon_h1(STATE)),
        ("granite", model.granite_hybrid(STATE, |layer| layer == 1)),
        ("qwen", model.qwen35(STATE)),
        ("bert", encoder.bert(1)),
        ("nomic", encoder.nomic_bert(2)),
        ("embedding llama", SyntheticModel::tiny().llama().number(".pooling_type", 3)),
    ];
    let folder = tempfile::tempdir().expect("a folder");
    let mut files: BTreeMap<String, GgufBuilder> = by_hand();
    for (name, file) in &models {
        files.extend(mutants(name, file));
        // The unchanged file must work, or its mutants prove nothing.
        files.insert(format!("{name} as it is"), file.clone());
    }
    let all = files.len();
    let mut passed = 0;
    for (name, file) in files.iter().filter(|(_, file)| passes(file)) {
        let name: String =
            name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
        file.write(&folder.path().join(name)).expect("written");
        passed += 1;
    }
    assert!(passed > 100 && passed < all, "{passed} of {all}");
    assert_eq!(deadly(folder.path()), Vec::<String>::new(), "{passed} of {all} passed");
}

/// A token of a model that generates text, or vectors of one that computes embeddings.
fn answer(file: &Path) -> Result<(), String> {
    let shape = ModelFiles::open(file).and_then(|files| files.shape());
    if shape.map_err(|error| error.to_string())?.pooling.is_none() {
        return run::run(file).map(|_| ());
    }
    let model = Model::load(file).map_err(|error| error.to_string())?;
    let text = model.tokenize("héllo 123");
    let ends = model.ends();
    let tokens: Vec<Token> = ends.start.into_iter().chain(text).chain(ends.end).collect();
    let known = |token: &Token| u32::try_from(token.0).is_ok_and(|id| id < model.size());
    if tokens.is_empty() || !tokens.iter().all(known) {
        return Err("the text has no tokens of the vocabulary".to_owned());
    }
    drop(model);
    embed::embed(file, &[&tokens, &tokens]).map(|_| ())
}

#[test]
#[ignore = "run by the other test in a separate process"]
#[expect(clippy::disallowed_methods, reason = "input from the other test")]
fn the_child() {
    let folder = PathBuf::from(std::env::var(FOLDER).expect("the other test sets it"));
    let entries = std::fs::read_dir(folder).expect("readable");
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.expect("readable").path()).collect();
    files.sort();
    for file in files {
        let name = file.file_name().expect("a name").to_string_lossy();
        println!("\nfile {name}");
        std::io::stdout().flush().expect("the other test reads");
        let answer = answer(&file);
        assert!(!name.ends_with("_as_it_is") || answer.is_ok(), "{name}: {answer:?}");
    }
}
