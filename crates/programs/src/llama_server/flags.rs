//! The flags of llama-server: those of llama.cpp's `common/arg.cpp`, build 11434.

use std::ffi::OsString;
use std::path::PathBuf;

use harmonic_types::{
    Attention, Bytes, EngineProgram, KvLayout, KvType, Pooling, Sampling, Tokens,
};

use super::tokens;
use crate::argument_list::ArgumentList;
use crate::error::ProgramError;

const PROGRAM: EngineProgram = EngineProgram::LlamaServer;

/// Unit of `--cache-ram`.
const MIB: u64 = 1 << 20;

/// More layers than any model has: all are on the GPU.
const ALL_LAYERS: &str = "999";

const VALUED: [&str; 24] = [
    "-m",
    "--alias",
    "--host",
    "--port",
    "--pooling",
    "-b",
    "-ub",
    "-np",
    "-c",
    "-ctk",
    "-ctv",
    "-fa",
    "-fit",
    "--cache-ram",
    "--ctx-checkpoints",
    "-t",
    "-ngl",
    "--temp",
    "--top-k",
    "--top-p",
    "--min-p",
    "--repeat-penalty",
    "--presence-penalty",
    "--frequency-penalty",
];

const SWITCHES: [&str; 6] =
    ["--embeddings", "--kv-unified", "--no-kv-unified", "--metrics", "--slots", "--no-ui"];

/// A server for embeddings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Embedding {
    /// How one vector is made of those of the tokens.
    pub pooling: Pooling,
    /// Tokens of a batch, which holds a whole input.
    pub batch: u32,
}

/// The flags of one llama-server.
#[derive(Clone, Debug, PartialEq)]
pub struct Flags {
    /// Model file.
    pub model: PathBuf,
    /// Name of the model in its API.
    pub alias: String,
    /// Address to listen on.
    pub host: String,
    /// Port to listen on.
    pub port: u16,
    /// Slots.
    pub slots: u32,
    /// Cells of the KV cache, which streams divide among the slots.
    pub cells: u64,
    /// Layout of the KV cache.
    pub layout: KvLayout,
    /// Element type of the KV cache.
    pub kv_type: KvType,
    /// Attention algorithm; `None` leaves the choice to the program.
    pub attention: Option<Attention>,
    /// Compute threads.
    pub threads: u32,
    /// Whether all layers are on the GPU.
    pub on_gpu: bool,
    /// Memory for prompts outside of the slots; 8 GiB if nothing is said.
    pub prompt_cache: Bytes,
    /// Whether it computes embeddings.
    pub embedding: Option<Embedding>,
    /// Sampling of requests that state none.
    pub sampling: Option<Sampling>,
    /// Whether it serves `/metrics`.
    pub metrics: bool,
}

impl Flags {
    /// Checks what llama-server would refuse at its start.
    ///
    /// # Errors
    /// If a quantised KV cache is to be without flash attention.
    pub fn check(&self, engine: &str) -> Result<(), ProgramError> {
        if self.kv_type == KvType::Q8_0 && self.attention == Some(Attention::Plain) {
            return Err(ProgramError::Unsupported {
                program: PROGRAM,
                engine: engine.to_owned(),
                reason: "a q8_0 KV cache requires flash attention".to_owned(),
                remedy: "use an f16 KV cache, or flash attention",
            });
        }
        Ok(())
    }

    /// The arguments.
    pub fn arguments(&self) -> Vec<OsString> {
        let mut words: Vec<OsString> = vec!["-m".into(), self.model.clone().into()];
        let mut add = |parts: &[&str]| words.extend(parts.iter().map(OsString::from));
        add(&["--alias", &self.alias, "--host", &self.host, "--port", &self.port.to_string()]);
        if let Some(Embedding { pooling, batch }) = self.embedding {
            let batch = batch.to_string();
            add(&["--embeddings", "--pooling", pooling_name(pooling), "-b", &batch, "-ub", &batch]);
        }
        // -c is the total cache, which streams divide among the slots.
        add(&["-np", &self.slots.to_string(), "-c", &self.cells.to_string()]);
        add(&[match self.layout {
            KvLayout::Unified => "--kv-unified",
            KvLayout::Streams => "--no-kv-unified",
        }]);
        let kv_type = self.kv_type.to_string();
        add(&["-ctk", &kv_type, "-ctv", &kv_type]);
        // A quantised V cache requires flash attention.
        match (self.attention, self.kv_type) {
            (Some(Attention::Plain), _) => add(&["-fa", "off"]),
            (Some(Attention::Flash), _) | (None, KvType::Q8_0) => add(&["-fa", "on"]),
            (None, KvType::F16) => {}
        }
        // By default it lowers what does not fit, and the plan has made it fit.
        add(&["-fit", "off"]);
        add(&["--cache-ram", &(self.prompt_cache.0 / MIB).to_string()]);
        if self.prompt_cache.0 < MIB {
            // Copies of the windows and states of each slot are outside of the ledger, too.
            add(&["--ctx-checkpoints", "0"]);
        }
        add(&["-t", &self.threads.to_string()]);
        add(&["-ngl", if self.on_gpu { ALL_LAYERS } else { "0" }]);
        if self.metrics {
            add(&["--metrics", "--slots", "--no-ui"]);
        }
        if let Some(sampling) = &self.sampling {
            add(&["--temp", &sampling.temperature.to_string()]);
            add(&["--top-k", &sampling.top_k.to_string(), "--top-p", &sampling.top_p.to_string()]);
            add(&["--min-p", &sampling.min_p.to_string()]);
            add(&["--repeat-penalty", &sampling.repeat_penalty.to_string()]);
            add(&["--presence-penalty", &sampling.presence_penalty.to_string()]);
            add(&["--frequency-penalty", &sampling.frequency_penalty.to_string()]);
        }
        words
    }

    /// The flags that [`Flags::arguments`] writes as `arguments`.
    ///
    /// # Errors
    /// If they are not such arguments.
    pub fn parse(arguments: &[OsString]) -> Result<Self, ProgramError> {
        let list = ArgumentList::read(PROGRAM, arguments, &VALUED, &SWITCHES)?;
        let model = list.os_value("-m").ok_or_else(|| list.invalid("-m", "expected a file"))?;
        let layout = match (list.has("--kv-unified"), list.has("--no-kv-unified")) {
            (true, false) => KvLayout::Unified,
            (false, true) => KvLayout::Streams,
            _ => return Err(list.invalid("--kv-unified", "expected it or --no-kv-unified")),
        };
        Ok(Self {
            model: model.into(),
            alias: list.required("--alias")?,
            host: list.required("--host")?,
            port: list.required("--port")?,
            slots: list.required("-np")?,
            cells: list.required("-c")?,
            layout,
            kv_type: kv_type(&list)?,
            attention: attention(&list)?,
            threads: list.required("-t")?,
            on_gpu: list.required::<u32>("-ngl")? > 0,
            prompt_cache: Bytes(list.required::<u64>("--cache-ram")?.saturating_mul(MIB)),
            embedding: embedding(&list)?,
            sampling: sampling(&list)?,
            metrics: list.has("--metrics"),
        })
    }

    /// Context of one slot.
    pub fn slot_context(&self) -> Tokens {
        match self.layout {
            KvLayout::Unified => tokens(self.cells),
            KvLayout::Streams => tokens(self.cells / u64::from(self.slots.max(1))),
        }
    }
}

fn attention(list: &ArgumentList<'_>) -> Result<Option<Attention>, ProgramError> {
    match list.value::<String>("-fa")?.as_deref() {
        None => Ok(None),
        Some("on") => Ok(Some(Attention::Flash)),
        Some("off") => Ok(Some(Attention::Plain)),
        Some(_) => Err(list.invalid("-fa", "expected on or off")),
    }
}

fn kv_type(list: &ArgumentList<'_>) -> Result<KvType, ProgramError> {
    let [keys, values] = ["-ctk", "-ctv"].map(|flag| list.value::<String>(flag));
    match (keys?.as_deref(), values?.as_deref()) {
        (Some("f16"), Some("f16")) => Ok(KvType::F16),
        (Some("q8_0"), Some("q8_0")) => Ok(KvType::Q8_0),
        _ => Err(list.invalid("-ctk", "expected f16 or q8_0 for keys and values")),
    }
}

const fn pooling_name(pooling: Pooling) -> &'static str {
    match pooling {
        Pooling::Mean => "mean",
        Pooling::Cls => "cls",
        Pooling::Last => "last",
    }
}

fn embedding(list: &ArgumentList<'_>) -> Result<Option<Embedding>, ProgramError> {
    if !list.has("--embeddings") {
        return Ok(None);
    }
    let name: String = list.required("--pooling")?;
    let known = [Pooling::Mean, Pooling::Cls, Pooling::Last];
    let pooling = known.into_iter().find(|pooling| pooling_name(*pooling) == name);
    let pooling = pooling.ok_or_else(|| list.invalid("--pooling", "expected mean, cls or last"))?;
    Ok(Some(Embedding { pooling, batch: list.required("-ub")? }))
}

fn sampling(list: &ArgumentList<'_>) -> Result<Option<Sampling>, ProgramError> {
    if !list.has("--temp") {
        return Ok(None);
    }
    Ok(Some(Sampling {
        temperature: list.required("--temp")?,
        top_k: list.required("--top-k")?,
        top_p: list.required("--top-p")?,
        min_p: list.required("--min-p")?,
        repeat_penalty: list.required("--repeat-penalty")?,
        presence_penalty: list.required("--presence-penalty")?,
        frequency_penalty: list.required("--frequency-penalty")?,
    }))
}

#[cfg(test)]
mod tests;
