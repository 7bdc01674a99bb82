//! Loads a model and computes a prompt and one more token, in two sequences.

use std::path::Path;

use harmonic_engine::chat::Vocabulary as _;
use harmonic_engine::sampling::{SampleResult, Sampler, Samplers};
use harmonic_engine::{Batch, Machine, Row, SeqId, Token};
use harmonic_llama::{LlamaMachine, LlamaSetup, Model};
use harmonic_types::{Attention, KvLayout, KvType, RequestId, Sampling};

/// Loads and runs the model at `path`; the error as text.
pub fn run(path: &Path) -> Result<Model, String> {
    let model = Model::load(path).map_err(|error| error.to_string())?;
    let setup = LlamaSetup {
        id: "synthetic".to_owned(),
        path: path.to_owned(),
        threads: 1,
        sequences: 2,
        kv_tokens: 512,
        kv_layout: KvLayout::Streams,
        kv_type: KvType::F16,
        attention: Attention::Flash,
        batch_tokens: 64,
    };
    let mut machine = LlamaMachine::new(&model, &setup).map_err(|error| error.to_string())?;
    let mut samplers = Samplers::default();
    for seq in 0..2 {
        samplers.insert(RequestId(seq), Sampler::new(Sampling::default(), seq));
    }
    let prompt = model.tokenize("héllo 123");
    let len = prompt.len();
    if len == 0 {
        return Err("the prompt has no tokens".to_owned());
    }
    let rows = (0..2).map(|seq| row(seq, 0, len * usize::from(seq > 0), len)).collect();
    let tokens = [prompt.clone(), prompt].concat();
    let chosen =
        machine.run(&Batch { tokens, rows }, &mut samplers).map_err(|error| error.to_string())?;
    let tokens: Vec<Token> = chosen
        .samples
        .iter()
        .filter_map(|drawn| match drawn {
            SampleResult::Token(choice) => Some(choice.token),
            SampleResult::Deferred => None,
        })
        .collect();
    if tokens.len() != 2 {
        return Err(format!("{} tokens were chosen", tokens.len()));
    }
    let mut text = Vec::new();
    model.append_bytes(tokens[0], &mut text);
    let at = u32::try_from(len).map_err(|error| error.to_string())?;
    let rows = vec![row(0, at, 0, 1), row(1, at, 1, 1)];
    machine.run(&Batch { tokens, rows }, &mut samplers).map_err(|error| error.to_string())?;
    drop(machine);
    Ok(model)
}

fn row(seq: u32, position: u32, start: usize, len: usize) -> Row {
    let (request, seq) = (RequestId(seq.into()), SeqId(seq));
    Row { request, seq, position, start, len, sample: true }
}
