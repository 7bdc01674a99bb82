//! Settings of other programs as a stack: Ollama's models and Modelfiles, llama-swap's
//! configuration, the presets of llama-server.
//!
//! Owns: what each of these formats means, and which parts of it a stack file can say; the list of
//! the parts that it cannot ([`Note`]).
//!
//! Invariants: every setting of the source is either in the stack or has a note; a resulting stack
//! is valid, so that its text ([`Imported::text`]) is accepted as a stack file; no content can cause
//! a panic, and what a text can make this crate allocate is bounded by [`MAX_TEXT`]; no file is
//! opened because another one names it, except blobs of an Ollama store, by their digests; notes
//! quote no values of settings that may be secrets, and no control characters.
//!
//! Does not do: read the files of its callers, write files, look for models, read the environment.
#![forbid(unsafe_code)]

mod agent_draft;
mod agent_name;
mod error;
mod imported;
mod llama_server;
mod llama_swap;
mod modelfile;
mod note;
mod ollama;
mod presets;
mod sampling_value;
mod yaml;

pub use error::ImportError;
pub use imported::Imported;
pub use llama_swap::llama_swap;
pub use modelfile::{Modelfile, modelfiles};
pub use note::{Note, NoteKind};
pub use ollama::store::ollama_store;
pub use presets::presets;

/// Maximum length of a text in bytes; real ones have a few kB.
pub const MAX_TEXT: u64 = 1 << 20;

/// What an import knows of this machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct Surroundings<'a> {
    /// The user's home folder, for `~` and llama-swap's `${env.HOME}`.
    pub home: Option<&'a str>,
    /// Names of models that a stack file can name without a prefix: those of the catalog.
    pub catalog: &'a [&'a str],
}
