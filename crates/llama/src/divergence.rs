//! KL divergence of a converted model from the original, and of a model with a quantised KV cache
//! from itself without.
//!
//! Both models evaluate one fixed text, written for this purpose: prose, questions, code, tables,
//! JSON. The result is the mean of Σ p·ln(p/q) over all positions, with the next-token
//! distributions p of the original and q of the converted model.
//!
//! The original's own arithmetic counts: a quantised file, whose kernels round the activations,
//! also differs from an exact copy of its weights.
//!
//! Memory: one model at a time and the logits of [`CHUNK`] positions; the original's logits are
//! kept in an unnamed temporary file (tokens × vocabulary × 4 bytes).

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};

use harmonic_engine::EngineError;
use harmonic_types::{Divergence, KvType};
use llama_cpp_2::context::params::LlamaContextParams;
use llama_cpp_2::llama_batch::LlamaBatch;
use llama_cpp_2::token::LlamaToken;

use crate::backend::{alone, backend};
use crate::context::cache_type;
use crate::model::Model;

/// Evaluated text.
const TEXT: &str = include_str!("divergence/text.txt");

/// Positions with logits in memory at once.
const CHUNK: usize = 64;

/// Failure to measure a divergence.
#[derive(Debug, thiserror::Error)]
pub enum DivergenceError {
    /// A model cannot be loaded.
    #[error(transparent)]
    Load(#[from] EngineError),
    /// The models do not share a vocabulary.
    #[error(
        "{converted} tokenises text differently from {original}, so their answers cannot be \
         compared: compare a model with its own conversions only"
    )]
    Vocabulary {
        /// File of the original.
        original: PathBuf,
        /// File of the conversion.
        converted: PathBuf,
    },
    /// llama.cpp failed on the text.
    #[error("llama.cpp cannot evaluate the comparison text with {path}: {reason}")]
    Decode {
        /// Model file.
        path: PathBuf,
        /// Cause.
        reason: String,
    },
    /// The temporary file of the logits failed.
    #[error("cannot store the logits of {path} in a temporary file: {source}; is the disk full?")]
    Spool {
        /// Model file.
        path: PathBuf,
        /// Cause.
        source: io::Error,
    },
}

/// Mean KL divergence of `converted` from `original` over the fixed text, on `threads` threads.
/// Blocks while both models are loaded and evaluate about 800 tokens.
///
/// # Errors
/// [`DivergenceError`] if a file cannot be loaded or evaluated, or the vocabularies differ.
pub fn divergence(
    original: &Path,
    converted: &Path,
    threads: u32,
) -> Result<Divergence, DivergenceError> {
    let as_stored = |path| Evaluated { path, kv_type: KvType::F16 };
    compare(as_stored(original), as_stored(converted), threads)
}

/// Mean KL divergence over the fixed text of the model in the file `model` with a KV cache of
/// `kv_type` from the same model with one in f16. Both are read by the fused attention kernel, where
/// the device has one. Blocks like [`divergence`].
///
/// # Errors
/// [`DivergenceError`] if the file cannot be loaded or evaluated.
pub fn kv_divergence(
    model: &Path,
    kv_type: KvType,
    threads: u32,
) -> Result<Divergence, DivergenceError> {
    let with = |kv_type| Evaluated { path: model, kv_type };
    compare(with(KvType::F16), with(kv_type), threads)
}

/// A model file, and the KV cache that it is evaluated with.
#[derive(Clone, Copy)]
struct Evaluated<'a> {
    path: &'a Path,
    kv_type: KvType,
}

fn compare(
    reference: Evaluated<'_>,
    other: Evaluated<'_>,
    threads: u32,
) -> Result<Divergence, DivergenceError> {
    let (original, converted) = (reference.path, other.path);
    let spooled = |source| DivergenceError::Spool { path: original.to_owned(), source };
    let (tokens, vocabulary, mut spool) = {
        let reader = Reader::load(reference, threads)?;
        let mut spool = BufWriter::new(tempfile::tempfile().map_err(spooled)?);
        reader.read(|logits| {
            logits
                .iter()
                .try_for_each(|logit| spool.write_all(&logit.to_le_bytes()))
                .map_err(spooled)
        })?;
        let file = spool.into_inner().map_err(|error| spooled(error.into_error()))?;
        (reader.tokens, reader.vocabulary, file)
    };
    spool.seek(SeekFrom::Start(0)).map_err(spooled)?;
    let mut spool = BufReader::new(spool);
    let reader = Reader::load(other, threads)?;
    if reader.tokens != tokens || reader.vocabulary != vocabulary {
        return Err(DivergenceError::Vocabulary {
            original: original.to_owned(),
            converted: converted.to_owned(),
        });
    }
    let mut reference = vec![0.0; vocabulary];
    let mut sum = 0.0;
    reader.read(|logits| {
        fill(&mut spool, &mut reference).map_err(spooled)?;
        sum += kl(&reference, logits);
        Ok(())
    })?;
    Ok(Divergence {
        nats_per_token: sum / tokens.len() as f64,
        tokens: u32::try_from(tokens.len()).unwrap_or(u32::MAX),
    })
}

/// Reads the logits of one position.
fn fill(spool: &mut BufReader<File>, logits: &mut [f32]) -> io::Result<()> {
    let mut bytes = [0; 4];
    for logit in logits {
        spool.read_exact(&mut bytes)?;
        *logit = f32::from_le_bytes(bytes);
    }
    Ok(())
}

/// A model with the tokenised text.
struct Reader {
    model: Model,
    path: PathBuf,
    tokens: Vec<LlamaToken>,
    vocabulary: usize,
    kv_type: KvType,
    threads: u32,
}

impl Reader {
    fn load(
        Evaluated { path, kv_type }: Evaluated<'_>,
        threads: u32,
    ) -> Result<Self, DivergenceError> {
        let model = Model::load(path)?;
        let tokens = model.read(TEXT).into_iter().map(|token| LlamaToken(token.0)).collect();
        let vocabulary = model.llama.vocab().tokens().count();
        Ok(Self { model, path: path.to_owned(), tokens, vocabulary, kv_type, threads })
    }

    /// Calls `take` with the logits after each token, in order.
    fn read(
        &self,
        mut take: impl FnMut(&[f32]) -> Result<(), DivergenceError>,
    ) -> Result<(), DivergenceError> {
        let failed = |reason: String| DivergenceError::Decode { path: self.path.clone(), reason };
        let backend = backend().map_err(failed)?;
        let cells = u32::try_from(self.tokens.len().next_multiple_of(256)).unwrap_or(u32::MAX);
        let threads = i32::try_from(self.threads.max(1)).unwrap_or(i32::MAX);
        let chunk = u32::try_from(CHUNK).unwrap_or(u32::MAX);
        let params = LlamaContextParams::default()
            .with_n_ctx(NonZeroU32::new(cells))
            .with_n_seq_max(1)
            .with_n_batch(chunk)
            .with_n_ubatch(chunk)
            .with_n_threads(threads)
            .with_n_threads_batch(threads)
            .with_type_k(cache_type(self.kv_type))
            .with_type_v(cache_type(self.kv_type))
            .with_no_perf(true);
        let mut context = alone(|| self.model.llama.new_context(backend, params))
            .map_err(|error| failed(error.to_string()))?;
        let mut batch = LlamaBatch::new(CHUNK, 1);
        for (start, chunk) in (0..).step_by(CHUNK).zip(self.tokens.chunks(CHUNK)) {
            batch.clear();
            for (position, token) in (start..).zip(chunk) {
                batch
                    .add(*token, position, &[0], true)
                    .map_err(|error| failed(error.to_string()))?;
            }
            context.decode(&mut batch).map_err(|error| failed(error.to_string()))?;
            for (at, _) in (0..).zip(chunk) {
                take(context.get_logits_ith(at))?;
            }
        }
        Ok(())
    }
}

/// KL divergence Σ p·ln(p/q) of the distributions of two rows of logits; 0 if they are equal.
fn kl(p: &[f32], q: &[f32]) -> f64 {
    let (p_scale, q_scale) = (log_sum_exp(p), log_sum_exp(q));
    p.iter()
        .zip(q)
        .map(|(p, q)| {
            let (p, q) = (f64::from(*p) - p_scale, f64::from(*q) - q_scale);
            // An excluded token adds nothing: 0·ln 0.
            if p == f64::NEG_INFINITY { 0.0 } else { p.exp() * (p - q) }
        })
        .sum()
}

fn log_sum_exp(logits: &[f32]) -> f64 {
    let most = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let most = f64::from(most);
    most + logits.iter().map(|logit| (f64::from(*logit) - most).exp()).sum::<f64>().ln()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_divergence_of_two_distributions_matches_the_definition() {
        // p = (½, ½), q = (¼, ¾): ½·ln 2 + ½·ln ⅔.
        let row = |p: [f32; 2]| p.map(f32::ln);
        let expected = 0.5 * 2.0_f64.ln() + 0.5 * (2.0_f64 / 3.0).ln();
        let found = kl(&row([0.5, 0.5]), &row([0.25, 0.75]));
        assert!((found - expected).abs() < 1e-6, "{found} and {expected}");
        // A shift of the logits changes nothing.
        let (p, q) = ([3.0, 1.0, -2.0_f32], [2.5, 1.5, -1.0_f32]);
        let shifted = q.map(|logit| logit + 100.0);
        assert!((kl(&p, &q) - kl(&p, &shifted)).abs() < 1e-9);
        assert!(kl(&p, &p).abs() < 1e-12 && kl(&p, &q) > 0.01);
        let ruled_out = [0.0, f32::NEG_INFINITY];
        assert!(kl(&ruled_out, &[0.0, 0.0]).is_finite());
    }
}
