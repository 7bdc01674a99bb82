//! Conversion of a stored model to another weight format, under its own name.
//!
//! Invariants: the original is kept; the result is verified and hashed like a download before it
//! gets a name; an existing conversion is reused.
//!
//! Does not do: the arithmetic (the caller's [`Quantizer`] does).

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use harmonic_types::{Bytes, ModelFile};

use crate::error::ModelError;
use crate::format::WeightFormat;
use crate::gguf::shape::predominant;
use crate::gguf::{Header, TensorType, shape};
use crate::progress::{Progress, ProgressSpan};
use crate::store::folder::PartialFile;
use crate::store::lock::Lock;
use crate::store::{ConvertedFrom, Record, Store, StoredModel, record, space};
use crate::worker;

/// Converter of the weights of a GGUF file; implemented with llama.cpp.
pub trait Quantizer: Send + Sync {
    /// Converts `input` to `output`. Runs on a blocking thread.
    ///
    /// # Errors
    /// The cause, as one sentence.
    fn quantize(&self, input: &Path, output: &Path, format: WeightFormat) -> Result<(), String>;
}

/// Converts the stored model `name` and stores the result as `name-format` in lower case
/// (`smollm2:135m-bf16`).
///
/// # Errors
/// If the model is not stored, the disk is too full, or the converter fails.
pub async fn convert(
    store: &Store,
    name: &str,
    format: WeightFormat,
    quantizer: Arc<dyn Quantizer>,
    progress: &dyn Progress,
) -> Result<ModelFile, ModelError> {
    let original = store.show(name)?.ok_or_else(|| store.not_stored(name))?;
    let loss = format.loss_from(&original.record.format);
    if original.record.format == format.name() {
        progress.note(&format!("{name}: {loss}"));
        return Ok(original.file);
    }
    let target = converted_name(&original.record.name, format);
    if let Some(existing) = store.show(&target)?
        && let Some(from) = &existing.record.converted_from
        && from.digest == original.record.digest
    {
        return Ok(existing.file);
    }
    store.check_name(&target, &original.record.source)?;
    let conversion = Conversion { store, original, target, format, progress };
    let output = conversion.write(quantizer).await?;
    let record = conversion.verify(output.part.path(), loss.clone()).await?;
    let file = store.add(std::slice::from_ref(&output.part), &record)?;
    let Record { name, format: from, .. } = &conversion.original.record;
    progress.note(&format!("converted {name} from {from} to {format}: {loss}"));
    Ok(file)
}

/// Name under which a conversion is stored.
pub fn converted_name(name: &str, format: WeightFormat) -> String {
    format!("{name}-{}", format.name().to_ascii_lowercase())
}

/// A conversion in progress.
struct Conversion<'a> {
    store: &'a Store,
    original: StoredModel,
    /// Name of the result.
    target: String,
    format: WeightFormat,
    progress: &'a dyn Progress,
}

/// The unfinished result; removed when dropped, unless it was moved into the store.
struct Output {
    part: PartialFile,
    _busy: Lock,
}

impl Drop for Output {
    fn drop(&mut self) {
        self.part.discard();
    }
}

impl Conversion<'_> {
    async fn write(&self, quantizer: Arc<dyn Quantizer>) -> Result<Output, ModelError> {
        let busy = Lock::acquire(self.store, &self.target)?;
        let folder = self.store.partial()?;
        let estimate = self.estimate();
        space::require(&self.target, folder.path(), estimate)?;
        let part = folder.file(format!("{}.convert", record::file_stem(&self.target)));
        // The file is created here, because the converter would follow a symbolic link.
        drop(part.create()?);
        let path = part.path().to_owned();
        let output = Output { part, _busy: busy };
        let (input, format) = (self.original.file.path.clone(), self.format);
        let label = format!("converting {} to {format}", self.original.record.name);
        let span = ProgressSpan::begin(self.progress, &label, Some(estimate));
        // The closure owns file and lock: if the future is dropped, both are released when the work
        // ends, as a converter cannot be interrupted.
        let work = worker::run(None, move |_| {
            let result = quantizer.quantize(&input, output.part.path(), format);
            (result, output)
        });
        tokio::pin!(work);
        let (result, output) = loop {
            tokio::select! {
                done = &mut work => break done,
                () = tokio::time::sleep(Duration::from_millis(100)) => {
                    let written = fs::metadata(&path).map_or(0, |about| about.len());
                    span.advance(written.min(estimate.0));
                }
            }
        };
        result.map_err(|reason| self.failed(reason))?;
        span.advance(estimate.0);
        Ok(output)
    }

    /// Estimated size of the result: its weights, and 16 MiB for the header.
    fn estimate(&self) -> Bytes {
        self.format.weights(self.original.file.shape.parameters) + Bytes(16 << 20)
    }

    async fn verify(&self, output: &Path, loss: String) -> Result<Record, ModelError> {
        let header = Header::open(output).map_err(|error| self.failed(error.to_string()))?;
        let shape = shape(&header).map_err(|error| self.failed(error.to_string()))?;
        // The type of most tensors: the format that the file states is what was asked for.
        let written = predominant(&header).map_or("no", TensorType::name);
        if !self.format.is_stored_as(written) {
            return Err(self.failed(format!("the converter wrote {written} weights")));
        }
        let size = Bytes(fs::metadata(output).map_err(ModelError::io("read", output))?.len());
        let span =
            ProgressSpan::begin(self.progress, &format!("checking {}", self.target), Some(size));
        let digest = worker::sha256(output, Some(&span)).await?;
        drop(span);
        let original = &self.original.record;
        Ok(Record {
            schema: Record::SCHEMA.to_owned(),
            name: self.target.clone(),
            digest,
            size,
            shards: Vec::new(),
            source: original.source.clone(),
            format: shape.format,
            converted_from: Some(ConvertedFrom {
                name: original.name.clone(),
                digest: original.digest.clone(),
                loss,
                divergence: None,
            }),
            runs_as: None,
        })
    }

    fn failed(&self, reason: String) -> ModelError {
        ModelError::Convert {
            name: self.original.record.name.clone(),
            format: self.format.to_string(),
            reason,
        }
    }
}
