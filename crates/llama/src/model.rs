//! Loaded model: weights, vocabulary, chat template.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use harmonic_engine::chat::{Ends, Special, TokenBound, Vocabulary};
use harmonic_engine::{EngineError, Token};
use harmonic_types::Bytes;
use llama_cpp_2::model::LlamaModel;
use llama_cpp_2::model::params::LlamaModelParams;
use llama_cpp_2::token::LlamaToken;
use llama_cpp_2::token_type::LlamaTokenAttr;
use llama_cpp_2::vocab::LlamaVocab;
use llama_cpp_sys_2 as sys;

use crate::backend::backend;

/// Model in memory, shared by the engine thread and tokenising threads.
#[derive(Clone)]
pub struct Model {
    pub(crate) llama: Arc<LlamaModel>,
    path: PathBuf,
    turn_ends: Arc<[Token]>,
    /// Number of spaces that llama.cpp inserts before a text.
    space_prefix: usize,
}

impl std::fmt::Debug for Model {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Model").field("path", &self.path).finish_non_exhaustive()
    }
}

impl Model {
    /// Loads a GGUF file, with all layers on the GPU if this build supports one.
    ///
    /// # Errors
    /// [`EngineError::Load`] if llama.cpp cannot use the file.
    pub fn load(path: &Path) -> Result<Self, EngineError> {
        let failed =
            |reason: String| EngineError::Load { path: path.display().to_string(), reason };
        // llama.cpp reports a missing file only in its log.
        std::fs::metadata(path).map_err(|error| failed(error.to_string()))?;
        let backend = backend().map_err(failed)?;
        let llama = apart(|| {
            // Without mmap: llama.cpp repacks quantised matrices for its kernels, and a mapped file
            // would stay resident beside the copies: 617 MB instead of the planned 519, measured
            // with AMX.
            let params =
                LlamaModelParams::default().with_n_gpu_layers(u32::MAX >> 1).with_use_mmap(false);
            LlamaModel::load_from_file(backend, path, &params)
        });
        let llama = llama.map_err(|error| {
            failed(format!("{error}: the file may be damaged, or too new for this build"))
        })?;
        let vocabulary = llama.vocab();
        let turn_ends = vocabulary
            .tokens()
            .filter(|token| vocabulary.is_eog(*token))
            .map(|token| Token(token.0))
            .collect();
        let space_prefix = space_prefix(&vocabulary);
        Ok(Self { llama: Arc::new(llama), path: path.to_owned(), turn_ends, space_prefix })
    }

    /// Size of all tensors.
    pub fn weights_bytes(&self) -> Bytes {
        Bytes(self.llama.size())
    }

    /// Logits of an output, one per token of the vocabulary.
    pub(crate) fn logits(&self) -> u64 {
        self.llama.vocab().n_tokens().cast_unsigned().into()
    }

    /// Dimensions of an embedding.
    pub(crate) fn embedding_length(&self) -> u64 {
        u64::try_from(self.llama.n_embd()).unwrap_or(0)
    }

    /// Whether every layer keeps every token, by llama.cpp's own properties of the model, so that
    /// sequences can be trimmed.
    pub(crate) fn supports_partial_removal(&self) -> bool {
        !(self.window() > 0 || self.llama.is_recurrent() || self.llama.is_hybrid())
    }

    /// Size of the sliding window; 0 if no layer has one. llama-cpp-2 0.1.160 has no getter for it.
    fn window(&self) -> i32 {
        // SAFETY: the pointer is that of a model that lives as long as `self`; the call only reads.
        unsafe { sys::llama_model_n_swa(self.raw()) }
    }

    /// Kind of the vocabulary. That of llama-cpp-2 0.1.160 panics on all kinds but two.
    fn vocabulary_kind(&self) -> sys::llama_vocab_type {
        // SAFETY: as above, and every model has a vocabulary, which lives as long as it.
        unsafe { sys::llama_vocab_type(sys::llama_model_get_vocab(self.raw())) }
    }

    /// The model as llama.cpp knows it; valid as long as `self`.
    fn raw(&self) -> *const sys::llama_model {
        const {
            assert!(size_of::<LlamaModel>() == size_of::<*const sys::llama_model>());
            assert!(align_of::<LlamaModel>() == align_of::<*const sys::llama_model>());
        }
        let model: *const LlamaModel = &raw const *self.llama;
        // SAFETY: `LlamaModel` is `repr(transparent)` over a non-null pointer to a `llama_model`,
        // in the version that the workspace pins, so its bytes are that pointer.
        unsafe { *model.cast::<*const sys::llama_model>() }
    }

    /// Tokenises `text` with llama.cpp's own tokenizer, recognising control tokens. Adds the start
    /// of text if the model wants one and `text` does not spell it already.
    pub fn read(&self, text: &str) -> Vec<Token> {
        let bos = self.bos_text();
        let spelled = !bos.is_empty() && text.starts_with(&bos);
        let tokens = self.llama.vocab().tokenize(text.as_bytes(), !spelled, true);
        tokens.into_iter().map(|token| Token(token.0)).collect()
    }

    fn text_of(&self, token: LlamaToken) -> String {
        // −1 means that the model has no such token.
        if token.0 < 0 {
            return String::new();
        }
        String::from_utf8_lossy(&self.llama.vocab().token_to_piece(token, true, None)).into_owned()
    }
}

/// Runs `load` on a short-lived thread.
///
/// Repacking weights starts OpenMP threads, which libgomp keeps as long as the thread that started
/// them. A pool thread of an async runtime may live for ten more seconds, during which there are
/// more OpenMP threads than CPUs; libgomp then lets waiting threads sleep almost at once, and the
/// engine's threads spend their time waking each other: 30 tok/s instead of 190 for one stream,
/// measured with AMX on 2 CPUs (`docs/performance.md#where-the-time-goes`).
fn apart<T: Send>(load: impl FnOnce() -> T + Send) -> T {
    std::thread::scope(|scope| match scope.spawn(load).join() {
        Ok(loaded) => loaded,
        Err(panic) => std::panic::resume_unwind(panic),
    })
}

/// Number of spaces that llama.cpp inserts before a text, for which it has no getter.
fn space_prefix(vocabulary: &LlamaVocab<'_>) -> usize {
    let mut bytes = Vec::new();
    for token in vocabulary.tokenize(b"a", false, false) {
        vocabulary.token_to_piece_into(token, &mut bytes, false, None);
    }
    bytes.iter().take_while(|byte| **byte == b' ').count()
}

impl Vocabulary for Model {
    fn size(&self) -> u32 {
        self.llama.vocab().n_tokens().cast_unsigned()
    }

    fn tokenize(&self, text: &str) -> Vec<Token> {
        let tokens = self.llama.vocab().tokenize(text.as_bytes(), false, false);
        tokens.into_iter().map(|token| Token(token.0)).collect()
    }

    fn token_bound(&self) -> Option<TokenBound> {
        use LlamaTokenAttr::{Byte, Control, Unknown};
        let vocabulary = self.llama.vocab();
        // Token kinds that plain text never produces: control tokens are recognised only on
        // request, and in BPE vocabularies a byte token such as `<0x41>` only under its name.
        let never = match self.vocabulary_kind() {
            sys::LLAMA_VOCAB_TYPE_SPM => [Control, Unknown].as_slice(),
            sys::LLAMA_VOCAB_TYPE_BPE => [Control, Unknown, Byte].as_slice(),
            // Other types normalise text or merge unknown text into one token.
            _ => return None,
        };
        let pieces: Vec<(Vec<u8>, bool)> = vocabulary
            .tokens()
            .map(|token| {
                let attributes = vocabulary.attr(token);
                let plain = !never.iter().any(|attribute| attributes.contains(*attribute));
                (vocabulary.token_to_piece(token, true, None), plain)
            })
            .collect();
        Some(TokenBound::of(pieces.iter().map(|(piece, plain)| (piece.as_slice(), *plain))))
    }

    fn tokenize_on(&self, text: &str) -> Vec<Token> {
        if self.space_prefix == 0 {
            return self.tokenize(text);
        }
        // Such vocabularies have no token that merges a line break with the text after it.
        let joined = self.tokenize(&["\n", text].concat());
        let mut bytes = Vec::new();
        let lead = joined.iter().take_while(|token| {
            let before = bytes.len() <= self.space_prefix;
            if before {
                self.append_bytes(**token, &mut bytes);
            }
            before
        });
        let lead = lead.count();
        let ends_lead = bytes.len() == self.space_prefix + 1 && bytes.ends_with(b"\n");
        if ends_lead { joined[lead..].to_vec() } else { self.tokenize(text) }
    }

    fn specials(&self) -> Vec<Special> {
        let vocabulary = self.llama.vocab();
        let special = |token: LlamaToken| {
            let attributes = vocabulary.attr(token);
            let has = |attribute| attributes.contains(attribute);
            let control = has(LlamaTokenAttr::Control) || has(LlamaTokenAttr::Unknown);
            (control || has(LlamaTokenAttr::UserDefined)).then(|| Special {
                token: Token(token.0),
                text: vocabulary
                    .text(token)
                    .map_or_else(String::new, |text| text.to_string_lossy().into_owned()),
                control,
                trims_before: has(LlamaTokenAttr::LStrip),
                trims_after: has(LlamaTokenAttr::RStrip),
            })
        };
        vocabulary.tokens().filter_map(special).collect()
    }

    fn ends(&self) -> Ends {
        let vocabulary = self.llama.vocab();
        let ends = vocabulary.tokenize(b"", true, false);
        let token = |token: &LlamaToken| Token(token.0);
        // WordPiece adds both, whatever the file says.
        let word_piece = self.vocabulary_kind() == sys::LLAMA_VOCAB_TYPE_WPM;
        let adds_start = vocabulary.should_add_bos() || word_piece;
        let adds_end = vocabulary.should_add_eos() || word_piece;
        Ends {
            start: ends.first().filter(|_| adds_start).map(token),
            end: ends.last().filter(|_| adds_end).map(token),
        }
    }

    fn append_bytes(&self, token: Token, out: &mut Vec<u8>) {
        self.llama.vocab().token_to_piece_into(LlamaToken(token.0), out, false, None);
    }

    fn ends_turn(&self, token: Token) -> bool {
        self.turn_ends.contains(&token)
    }

    fn turn_ends(&self) -> Vec<Token> {
        self.turn_ends.to_vec()
    }

    fn chat_template(&self) -> Option<String> {
        self.llama.chat_template(None).ok()?.to_string().ok()
    }

    fn bos_text(&self) -> String {
        self.text_of(self.llama.vocab().bos())
    }

    fn eos_text(&self) -> String {
        self.text_of(self.llama.vocab().eos())
    }
}
