//! The flags of `vllm serve`.

use std::ffi::OsString;
use std::path::PathBuf;

use harmonic_types::{EngineProgram, Tokens};

use crate::argument_list::ArgumentList;
use crate::error::ProgramError;

/// Precision of a share of memory: four digits.
pub(crate) const SHARE_PARTS: u32 = 10_000;

const VALUED: [&str; 8] = [
    "--served-model-name",
    "--host",
    "--port",
    "--max-num-seqs",
    "--max-model-len",
    "--gpu-memory-utilization",
    "--kv-cache-dtype",
    "--scheduling-policy",
];

const SWITCHES: [&str; 1] = ["--enable-prefix-caching"];

/// The flags of one vLLM server.
#[derive(Clone, Debug, PartialEq)]
pub struct Flags {
    /// Model folder.
    pub model: PathBuf,
    /// Name of the model in its API.
    pub alias: String,
    /// Address to listen on.
    pub host: String,
    /// Port to listen on.
    pub port: u16,
    /// Sequences of a step.
    pub sequences: u32,
    /// Context of each sequence.
    pub context: Tokens,
    /// Share of the GPU's memory; `None` on a CPU.
    pub memory_share: Option<f64>,
}

impl Flags {
    /// The arguments.
    pub fn arguments(&self) -> Vec<OsString> {
        let mut words: Vec<OsString> = vec!["serve".into(), self.model.clone().into()];
        let mut add = |parts: &[&str]| words.extend(parts.iter().map(OsString::from));
        add(&["--served-model-name", &self.alias]);
        add(&["--host", &self.host, "--port", &self.port.to_string()]);
        add(&["--max-num-seqs", &self.sequences.to_string()]);
        add(&["--max-model-len", &self.context.to_string()]);
        if let Some(share) = self.memory_share {
            add(&["--gpu-memory-utilization", &format!("{share:.4}")]);
        }
        // `auto` is the type of the weights, 2 bytes.
        add(&["--kv-cache-dtype", "auto", "--enable-prefix-caching"]);
        add(&["--scheduling-policy", "priority"]);
        words
    }

    /// The flags that [`Flags::arguments`] writes as `arguments`.
    ///
    /// # Errors
    /// If they are not such arguments.
    pub fn parse(arguments: &[OsString]) -> Result<Self, ProgramError> {
        let program = EngineProgram::Vllm;
        let [serve, model, flags @ ..] = arguments else {
            return Err(ProgramError::ReadBack {
                program,
                what: "arguments".to_owned(),
                reason: "expected `serve MODEL`".to_owned(),
            });
        };
        let list = ArgumentList::read(program, flags, &VALUED, &SWITCHES)?;
        if serve != "serve" {
            return Err(list.invalid("serve", "expected it as the first argument"));
        }
        Ok(Self {
            model: model.into(),
            alias: list.required("--served-model-name")?,
            host: list.required("--host")?,
            port: list.required("--port")?,
            sequences: list.required("--max-num-seqs")?,
            context: Tokens(list.required("--max-model-len")?),
            memory_share: list.value("--gpu-memory-utilization")?,
        })
    }
}
