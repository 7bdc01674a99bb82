use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::BytesMut;
use proptest::prelude::*;
use serde::Deserialize;
use serde_json::{Value, json};

use super::answer::EmbeddingsMeta;
use super::*;

fn openai(patch: &Value) -> Result<ParsedEmbeddings, ValidationError> {
    parse_embeddings(patched(patch).as_bytes())
}

fn ollama(patch: &Value) -> Result<ParsedEmbeddings, ValidationError> {
    parse_embed(patched(patch).as_bytes())
}

fn patched(patch: &Value) -> String {
    let mut body = json!({"model": "embedding"});
    for (field, value) in patch.as_object().expect("a patch is an object") {
        body[field] = value.clone();
    }
    body.to_string()
}

fn texts(texts: &[&str]) -> Vec<EmbeddingInput> {
    texts.iter().map(|text| EmbeddingInput::Text((*text).to_owned())).collect()
}

#[test]
fn openai_takes_texts_and_token_ids() {
    let inputs = |input: Value| openai(&json!({"input": input})).map(|parsed| parsed.inputs);
    assert_eq!(inputs(json!("hi")), Ok(texts(&["hi"])));
    assert_eq!(inputs(json!(["hi", "there"])), Ok(texts(&["hi", "there"])));
    assert_eq!(inputs(json!([1, 2])), Ok(vec![EmbeddingInput::Tokens(vec![1, 2])]));
    let two = vec![EmbeddingInput::Tokens(vec![1]), EmbeddingInput::Tokens(vec![2, 3])];
    assert_eq!(inputs(json!([[1], [2, 3]])), Ok(two));
    assert_eq!(inputs(json!([u32::MAX])), Ok(vec![EmbeddingInput::Tokens(vec![u32::MAX])]));
    for invalid in [
        json!(null),
        json!(""),
        json!([]),
        json!([[]]),
        json!({}),
        json!([1, "a"]),
        json!(["a", [1]]),
        json!(["a", ""]),
        json!([-1]),
        json!([1.5]),
        json!("a\0b"),
        json!(vec!["a"; MAX_INPUTS + 1]),
    ] {
        let error = inputs(invalid.clone()).expect_err("invalid");
        assert_eq!(error.param(), Some("input"), "{invalid}");
    }
}

#[test]
fn ollama_takes_texts_and_cuts_them_unless_told_not_to() {
    let parsed = ollama(&json!({"input": ["a", ""], "model": "embedding:latest"})).expect("valid");
    assert_eq!((parsed.agent.0.as_str(), parsed.truncate), ("embedding", true));
    assert_eq!(parsed.inputs, texts(&["a", ""]));
    assert!(!ollama(&json!({"input": "a", "truncate": false})).expect("valid").truncate);
    for nothing in [json!(null), json!(""), json!([])] {
        let parsed = ollama(&json!({"input": nothing})).expect("asks for the agent alone");
        assert!(parsed.inputs.is_empty());
    }
    for invalid in [json!(1), json!([1]), json!([["a"]]), json!({}), json!(["a\0"])] {
        let error = ollama(&json!({"input": invalid})).expect_err("invalid");
        assert_eq!(error.param(), Some("input"), "{invalid}");
    }
    let unload = ollama(&json!({"keep_alive": 0})).expect_err("agents stay loaded");
    assert_eq!(unload.param(), Some("keep_alive"));
}

#[test]
fn the_older_body_has_one_prompt() {
    let parsed = parse_older_embed(br#"{"model": "a", "prompt": "hi"}"#).expect("valid");
    assert_eq!((parsed.inputs, parsed.truncate), (texts(&["hi"]), true));
    let empty = parse_older_embed(br#"{"model": "a", "prompt": ""}"#).expect("valid");
    assert!(empty.inputs.is_empty());
}

#[test]
fn values_out_of_range_name_their_field() {
    for (patch, param) in [
        (json!({"dimensions": 0}), "dimensions"),
        (json!({"encoding_format": "int8"}), "encoding_format"),
        (json!({"model": ""}), "model"),
    ] {
        let mut patch = patch;
        patch["input"] = json!("a");
        assert_eq!(openai(&patch).expect_err("invalid").param(), Some(param));
    }
}

#[test]
fn fields_without_effect_are_reported() {
    let patch = json!({"input": "a", "options": {"num_ctx": 4096}, "keep_alive": "5m", "x": 1});
    let line = ollama(&patch).expect("valid").ignored.line();
    assert_eq!(line.as_deref(), Some("x, options.num_ctx"));
    let patch = json!({"input": "a", "user": "me", "input_type": "query"});
    let line = openai(&patch).expect("valid").ignored.line();
    assert_eq!(line.as_deref(), Some("input_type"));
}

fn document(encoder: EmbeddingsEncoder, dimensions: Option<u32>) -> Value {
    let meta = EmbeddingsMeta {
        dimensions,
        prompt_tokens: 7,
        total: Duration::from_nanos(20),
        queued: Duration::from_nanos(3),
    };
    let mut out = BytesMut::new();
    encoder.document(vec![vec![3.0, 4.0], vec![0.0, 0.0]], meta, &mut out);
    serde_json::from_slice(&out).expect("JSON")
}

#[test]
fn vectors_are_normalised_except_in_the_older_form() {
    let model = "a".to_owned();
    let normalised = json!([[0.6, 0.8], [0.0, 0.0]]);
    let float = document(EmbeddingsEncoder::OpenAi { model: model.clone(), base64: false }, None);
    let numbers = |value: &Value| Vec::<f32>::deserialize(value).expect("a list of numbers");
    assert_eq!(numbers(&float["data"][0]["embedding"]), [0.6, 0.8]);
    assert_eq!(float["data"][1]["index"], 1);
    assert_eq!(float["usage"], json!({"prompt_tokens": 7, "total_tokens": 7}));
    let ollama = document(EmbeddingsEncoder::Ollama { model: model.clone() }, None);
    assert_eq!(numbers(&ollama["embeddings"][0]), numbers(&normalised[0]));
    assert_eq!((&ollama["prompt_eval_count"], &ollama["load_duration"]), (&json!(7), &json!(3)));
    assert_eq!(document(EmbeddingsEncoder::OlderOllama, None), json!({"embedding": [3.0, 4.0]}));
    let short = document(EmbeddingsEncoder::Ollama { model: model.clone() }, Some(1));
    assert_eq!(short["embeddings"], json!([[1.0], [0.0]]));
    let packed = document(EmbeddingsEncoder::OpenAi { model, base64: true }, None);
    let packed = packed["data"][0]["embedding"].as_str().expect("text");
    let bytes = BASE64_STANDARD.decode(packed).expect("base64");
    assert_eq!(bytes, [0.6f32.to_le_bytes(), 0.8f32.to_le_bytes()].concat());
}

proptest! {
    #[test]
    fn a_shortened_vector_has_the_length_one(
        vector in prop::collection::vec(-1e6f32..1e6, 1..500), dimensions in 1u32..600,
    ) {
        let short = vector::shortened(vector.clone(), Some(dimensions));
        prop_assert_eq!(short.len(), vector.len().min(dimensions as usize));
        let length = short.iter().map(|n| f64::from(*n).powi(2)).sum::<f64>().sqrt();
        prop_assert!((length - 1.0).abs() < 1e-4 || short.iter().all(|n| *n == 0.0), "{}", length);
    }
}

#[test]
fn a_token_id_beyond_any_vocabulary_is_named_as_it_was_sent() {
    for input in ["[4294967301]", "[[1], [2, 4294967301]]"] {
        let body = format!("{{\"model\": \"search\", \"input\": {input}}}");
        let error = parse_embeddings(body.as_bytes()).unwrap_err().to_string();
        assert!(error.contains("4294967301"), "{error}");
    }
}
