//! Embeddings of encoders and decoders by llama.cpp, on synthetic models, and their ledger.

mod embed;

use std::path::{Path, PathBuf};

use embed::{CONTEXT, embed, planned};
use harmonic_engine::chat::Vocabulary as _;
use harmonic_engine::{Encoder as _, Token};
use harmonic_llama::{EncoderSetup, LlamaEncoder, Model};
use harmonic_models::gguf::GgufBuilder;
use harmonic_models::synthetic::{SyntheticModel, Vocabulary};

/// Models by name: encoders with every pooling, and decoders.
fn models() -> Vec<(&'static str, GgufBuilder)> {
    let encoder = SyntheticModel {
        layers: 2,
        vocabulary: Vocabulary::word_piece(),
        context: 128,
        ..SyntheticModel::tiny()
    };
    let decoder = SyntheticModel::tiny().llama();
    vec![
        ("bert-mean", encoder.bert(1)),
        ("bert-cls", encoder.bert(2)),
        ("bert-last", encoder.bert(3)),
        ("nomic-bert", encoder.nomic_bert(1)),
        ("llama-mean", decoder.clone().number(".pooling_type", 1)),
        ("llama-last", decoder.number(".pooling_type", 3)),
    ]
}

fn write(folder: &Path, name: &str, file: &GgufBuilder) -> PathBuf {
    let path = folder.join(format!("{name}.gguf"));
    file.write(&path).expect("written");
    path
}

/// One minus the cosine of the angle between two vectors.
fn distance(one: &[f32], other: &[f32]) -> f64 {
    let dot = |a: &[f32], b: &[f32]| {
        a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>()
    };
    1.0 - dot(one, other) / (dot(one, one) * dot(other, other)).sqrt()
}

#[test]
fn an_input_has_the_same_vector_alone_and_in_a_batch() {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, file) in models() {
        let path = write(folder.path(), name, &file);
        let model = Model::load(&path).expect("loads");
        let texts = ["a cat", "some dogs in a garden", "x", "a cat"];
        let ends = model.ends();
        let inputs: Vec<Vec<Token>> = texts
            .iter()
            .map(|text| {
                ends.start.into_iter().chain(model.tokenize(text)).chain(ends.end).collect()
            })
            .collect();
        let inputs: Vec<&[Token]> = inputs.iter().map(Vec::as_slice).collect();
        let together = embed(&path, &inputs).expect(name);
        for (input, vector) in inputs.iter().zip(&together) {
            let alone = embed(&path, &[*input]).expect(name);
            let apart = distance(vector, &alone[0]);
            assert!(apart < 1e-5, "{name}: {apart}");
        }
        assert!(distance(&together[0], &together[3]) < 1e-5, "{name}: equal texts");
        assert!(distance(&together[0], &together[1]) > 1e-4, "{name}: unequal texts");
    }
}

#[test]
fn word_pieces_stand_between_their_start_and_end() {
    let folder = tempfile::tempdir().expect("a folder");
    let (name, file) = &models()[0];
    let path = write(folder.path(), name, file);
    let model = Model::load(&path).expect("loads");
    let id = |text: &str| Vocabulary::word_piece().id(text).and_then(|id| i32::try_from(id).ok());
    let token = |text: &str| id(text).map(Token);
    assert_eq!((model.ends().start, model.ends().end), (token("[CLS]"), token("[SEP]")));
    let pieces = ["▁a", "b", "▁c"].map(|text| token(text).expect("in the vocabulary"));
    assert_eq!(model.tokenize("Ab C"), pieces, "without case");
    assert!(model.tokenize("").is_empty());
}

#[test]
fn consecutive_batches_do_not_see_each_other() {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, file) in models() {
        let path = write(folder.path(), name, &file);
        let model = Model::load(&path).expect("loads");
        let (_, setup) = planned(&path);
        let mut encoder = LlamaEncoder::new(&model, &setup).expect("a context");
        let tokens: Vec<Token> = (104..110).map(Token).collect();
        let first = encoder.encode(&[&tokens]).expect("computed").vectors;
        let full: Vec<Vec<Token>> = vec![vec![Token(105); 64]; 8];
        let full: Vec<&[Token]> = full.iter().map(Vec::as_slice).collect();
        encoder.encode(&full).expect("a full batch");
        let again = encoder.encode(&[&tokens]).expect("computed").vectors;
        assert!(distance(&first[0], &again[0]) < 1e-6, "{name}");
        let beyond = encoder.encode(&[&[Token(105); 513]]);
        assert!(beyond.is_err(), "llama.cpp would end the process");
    }
}

#[test]
fn a_context_beyond_the_positions_of_the_model_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let (name, file) = &models()[0];
    let path = write(folder.path(), name, file);
    let model = Model::load(&path).expect("loads");
    let setup = EncoderSetup { context: 129, ..planned(&path).1 };
    let error = LlamaEncoder::new(&model, &setup).expect_err("refused").to_string();
    assert!(error.contains("129 tokens, and the model one of 128"), "{error}");
}

#[test]
fn the_ledger_is_what_llama_cpp_allocates() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut apart = Vec::new();
    for (name, file) in models() {
        let path = write(folder.path(), name, &file);
        let model = Model::load(&path).expect("loads");
        let (plan, setup) = planned(&path);
        assert_eq!(setup.context, CONTEXT);
        let encoder = LlamaEncoder::new(&model, &setup).expect("a context");
        let real = encoder.allocation();
        let kv = real.kv_bytes.map_or(0, |bytes| bytes.0);
        let compute = real.compute_bytes.expect("logged").0;
        let figures = format!(
            "{name}: planned kv {} compute {}, allocated kv {kv} compute {compute}",
            plan.kv.0, plan.compute.0
        );
        println!("{figures}");
        // llama.cpp logs MiB with two decimals.
        let kv_fits = plan.kv.0.abs_diff(kv) < 10_486;
        // An upper bound; of a model as small as this, mostly masks, which are reused in part.
        let fits = compute <= plan.compute.0 && plan.compute.0 <= compute * 2;
        if !kv_fits || !fits {
            apart.push(figures);
        }
    }
    assert_eq!(apart, Vec::<String>::new());
}
