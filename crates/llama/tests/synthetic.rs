//! llama.cpp loads and runs the models of `harmonic_models::synthetic`.

mod run;

use harmonic_engine::Token;
use harmonic_engine::chat::Vocabulary as _;
use harmonic_llama::Model;
use harmonic_models::gguf::{GgufBuilder, TensorType};
use harmonic_models::synthetic::{StateSpace, SyntheticModel, Vocabulary};

const STATE: StateSpace = StateSpace {
    conv_kernel: 4,
    inner_size: 128,
    state_size: 32,
    time_step_rank: 4,
    group_count: 2,
};

fn runs(file: &GgufBuilder) -> Model {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("model.gguf");
    file.write(&path).expect("written");
    run::run(&path).expect("runs")
}

#[test]
fn every_architecture_runs() {
    let model = SyntheticModel { layers: 4, ..SyntheticModel::tiny() };
    runs(&model.llama());
    runs(&model.lfm2(3, |layer| layer % 2 == 1));
    runs(&model.mamba2(STATE));
    runs(&model.falcon_h1(STATE));
    runs(&model.granite_hybrid(STATE, |layer| layer == 1));
    runs(&model.qwen35(STATE));
}

#[test]
fn every_format_of_weights_runs() {
    for format in
        [TensorType::F16, TensorType::BF16, TensorType::Q8_0, TensorType::Q4_0, TensorType::Q4_1]
    {
        runs(&SyntheticModel { format, ..SyntheticModel::tiny() }.llama());
    }
}

#[test]
fn vocabularies_split_text_as_constructed() {
    let bytes =
        Vocabulary::byte_bpe().word(" hello").control("<|tool|>").user_defined("<tool_call>");
    let ids = bytes.clone();
    let id = |text: &str| Token(i32::try_from(ids.id(text).expect("there")).expect("small"));
    let model = runs(&SyntheticModel { vocabulary: bytes, ..SyntheticModel::tiny() }.llama());
    assert_eq!(model.tokenize(" hello"), [id("Ġhello")]);
    assert_eq!(model.tokenize("<tool_call>"), [id("<tool_call>")]);
    assert_eq!(model.read("<|tool|>").last(), Some(&id("<|tool|>")));
    assert_eq!(model.tokenize("ä").len(), 2, "one token per byte");
    assert_eq!(model.chat_template().as_deref(), Some(harmonic_models::synthetic::CHATML));

    let pieces = Vocabulary::spm().word(" hello").user_defined("<tool_call>");
    let ids = pieces.clone();
    let id = |text: &str| Token(i32::try_from(ids.id(text).expect("there")).expect("small"));
    let model = runs(&SyntheticModel { vocabulary: pieces, ..SyntheticModel::tiny() }.llama());
    assert_eq!(model.read("hello"), [id("<s>"), id("▁hello")]);
    assert_eq!(model.read("hello<tool_call>")[2], id("<tool_call>"));

    // Split by a regular expression of llama.cpp: digits in groups of three.
    let regex = Vocabulary::byte_bpe().pre_tokenizer("llama-bpe").word("12").word("123");
    let model = runs(&SyntheticModel { vocabulary: regex, ..SyntheticModel::tiny() }.llama());
    assert_eq!(model.tokenize("1234").len(), 2);
}

#[test]
fn a_model_in_shards_runs_as_the_whole_one() {
    let file = SyntheticModel::tiny().llama();
    let folder = tempfile::tempdir().expect("a folder");
    let shards = file.write_split(folder.path(), "model", 3).expect("written");
    let model = Model::load(&shards[0]).expect("loads");
    assert_eq!(model.weights_bytes().0, file.tensor_bytes());
}
