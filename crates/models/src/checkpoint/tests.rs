use std::collections::{BTreeMap, HashMap};

use half::f16;
use harmonic_types::Pooling;
use safetensors::tensor::{Dtype, TensorView, serialize};
use serde_json::{Value, json};

use super::*;
use crate::gguf::{Header, TensorType, shape};

/// Files in memory.
#[derive(Clone, Default)]
struct Files(BTreeMap<String, Vec<u8>>);

impl CheckpointFiles for Files {
    fn read(&mut self, file: &str, limit: u64) -> Result<Option<Vec<u8>>, CheckpointError> {
        let found = self.0.get(file).cloned();
        assert!(found.as_ref().is_none_or(|bytes| bytes.len() as u64 <= limit));
        Ok(found)
    }
}

const WIDTH: usize = 8;
const TOKENS: usize = 110;

/// `config.json` of a BERT of one layer.
fn config() -> Value {
    json!({
        "model_type": "bert", "hidden_size": WIDTH, "num_hidden_layers": 1,
        "num_attention_heads": 2, "intermediate_size": 16, "max_position_embeddings": 32,
        "vocab_size": TOKENS, "type_vocab_size": 2, "layer_norm_eps": 1e-12, "hidden_act": "gelu",
    })
}

fn vocabulary() -> Vec<String> {
    let controls = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "word", "##s"];
    let mut tokens: Vec<String> = controls.map(str::to_owned).to_vec();
    tokens.extend((tokens.len()..TOKENS).map(|number| format!("word{number}")));
    tokens
}

/// The tensors: each number is its position in its tensor, in quarters.
fn weights() -> Vec<u8> {
    let mut shapes: HashMap<String, Vec<usize>> = HashMap::from([
        ("embeddings.word_embeddings.weight".to_owned(), vec![TOKENS, WIDTH]),
        ("embeddings.position_embeddings.weight".to_owned(), vec![32, WIDTH]),
        ("embeddings.token_type_embeddings.weight".to_owned(), vec![2, WIDTH]),
        ("embeddings.LayerNorm.weight".to_owned(), vec![WIDTH]),
        ("embeddings.LayerNorm.bias".to_owned(), vec![WIDTH]),
    ]);
    for (part, rows, columns) in [
        ("attention.self.query", WIDTH, WIDTH),
        ("attention.self.key", WIDTH, WIDTH),
        ("attention.self.value", WIDTH, WIDTH),
        ("attention.output.dense", WIDTH, WIDTH),
        ("intermediate.dense", 16, WIDTH),
        ("output.dense", WIDTH, 16),
    ] {
        shapes.insert(format!("encoder.layer.0.{part}.weight"), vec![rows, columns]);
        shapes.insert(format!("encoder.layer.0.{part}.bias"), vec![rows]);
    }
    for part in ["attention.output.LayerNorm", "output.LayerNorm"] {
        for end in ["weight", "bias"] {
            shapes.insert(format!("encoder.layer.0.{part}.{end}"), vec![WIDTH]);
        }
    }
    let data: HashMap<&String, Vec<u8>> = shapes
        .iter()
        .map(|(name, shape)| {
            let count: usize = shape.iter().product();
            (name, (0..count).flat_map(|at| (at as f32 / 4.0).to_le_bytes()).collect())
        })
        .collect();
    let views: Vec<(&str, TensorView<'_>)> = shapes
        .iter()
        .map(|(name, shape)| {
            let view = TensorView::new(Dtype::F32, shape.clone(), &data[name]);
            (name.as_str(), view.expect("consistent"))
        })
        .collect();
    serialize(views, None).expect("serialised")
}

fn files() -> Files {
    let modules = json!([
        {"path": "", "type": "sentence_transformers.models.Transformer"},
        {"path": "1_Pooling", "type": "sentence_transformers.models.Pooling"},
        {"path": "2_Normalize", "type": "sentence_transformers.models.Normalize"},
    ]);
    let pooling = json!({"pooling_mode_mean_tokens": true, "pooling_mode_cls_token": false});
    Files(BTreeMap::from([
        ("config.json".to_owned(), config().to_string().into_bytes()),
        ("modules.json".to_owned(), modules.to_string().into_bytes()),
        ("1_Pooling/config.json".to_owned(), pooling.to_string().into_bytes()),
        ("vocab.txt".to_owned(), (vocabulary().join("\n") + "\n").into_bytes()),
        ("model.safetensors".to_owned(), weights()),
    ]))
}

fn converted(mut files: Files) -> Result<Vec<u8>, CheckpointError> {
    let mut out = Vec::new();
    convert(&mut files, &mut out, |_| Ok(())).map(|()| out)
}

#[test]
fn a_checkpoint_becomes_an_encoder() {
    let bytes = converted(files()).expect("converted");
    let header = Header::read(&bytes[..], bytes.len() as u64).expect("readable");
    header.check_length(bytes.len() as u64).expect("complete");
    let shape = shape(&header).expect("a model");
    assert_eq!((shape.architecture.as_str(), shape.pooling), ("bert", Some(Pooling::Mean)));
    assert!(shape.is_encoder());
    assert_eq!((shape.embedding_length, shape.vocabulary), (8, 110));
    assert_eq!((shape.context_trained.0, shape.format.as_str()), (32, "F16"));
    assert_eq!(converted(files()).expect("again"), bytes, "the same bytes");
}

#[test]
fn matrices_become_f16_in_their_order_and_the_rest_stays() {
    let bytes = converted(files()).expect("converted");
    let header = Header::read(&bytes[..], bytes.len() as u64).expect("readable");
    let tensor = |name: &str| {
        let found = header.tensors.iter().find(|tensor| tensor.name == name).expect(name);
        let start = usize::try_from(header.data_offset + found.offset).expect("small");
        (found, &bytes[start..start + usize::try_from(found.bytes).expect("small")])
    };
    let (up, data) = tensor("blk.0.ffn_up.weight");
    assert_eq!((up.kind, up.dimensions.as_slice()), (TensorType::F16, &[8, 16][..]));
    let second = f16::from_le_bytes([data[2], data[3]]);
    assert_eq!(second, f16::from_f32(0.25));
    let (bias, data) = tensor("blk.0.ffn_up.bias");
    assert_eq!((bias.kind, &data[4..8]), (TensorType::F32, &0.25f32.to_le_bytes()[..]));
    for full in ["position_embd.weight", "token_types.weight", "token_embd_norm.weight"] {
        assert_eq!(tensor(full).0.kind, TensorType::F32, "{full}");
    }
}

#[test]
fn what_llama_cpp_does_not_compute_is_refused_by_name() {
    let with = |file: &str, content: Value| {
        let mut files = files();
        files.0.insert(file.to_owned(), content.to_string().into_bytes());
        converted(files).expect_err("refused").to_string()
    };
    let config = |key: &str, value: Value| {
        let mut config = config();
        config[key] = value;
        with("config.json", config)
    };
    assert_eq!(
        config("model_type", json!("roberta")),
        "`config.json`: model_type is `roberta`, expected `bert`"
    );
    assert!(config("hidden_act", json!("relu")).contains("hidden_act is `relu`"));
    let positions = config("position_embedding_type", json!("relative_key"));
    assert!(positions.contains("position_embedding_type"), "{positions}");
    assert!(config("num_hidden_layers", json!(4_000_000_000_u32)).contains("1 to 512"));
    assert!(config("num_hidden_layers", json!(2)).contains("no tensor `encoder.layer.1."));
    assert!(config("vocab_size", json!(7)).contains("110 tokens, and the model 7"));
    let dense = json!([{"path": "2_Dense", "type": "sentence_transformers.models.Dense"}]);
    assert!(with("modules.json", dense).contains("the module `Dense`"));
    let escape = json!([{"path": "../x", "type": "a.Pooling"}]);
    assert!(with("modules.json", escape).contains("no folder of its own"));
    let most = json!({"pooling_mode_max_tokens": true});
    assert!(with("1_Pooling/config.json", most).contains("expected one of mean, cls"));
    let accents = json!({"do_lower_case": true, "strip_accents": false});
    assert!(with("tokenizer_config.json", accents).contains("strip_accents"));
}

#[test]
fn absent_and_damaged_files_are_errors_that_name_them() {
    for file in files().0.keys() {
        let mut without = files();
        without.0.remove(file);
        let error = converted(without).expect_err(file).to_string();
        assert!(error.contains(&format!("`{file}` is missing")), "{error}");
        let mut damaged = files();
        damaged.0.insert(file.clone(), b"\xff{".to_vec());
        let error = converted(damaged).expect_err(file).to_string();
        assert!(error.contains(&format!("`{file}`")), "{error}");
    }
    let mut cut = files();
    let weights = cut.0.get_mut("model.safetensors").expect("there");
    weights.truncate(weights.len() - 1);
    let error = converted(cut).expect_err("cut").to_string();
    assert!(error.contains("`model.safetensors` cannot be read"), "{error}");
}
