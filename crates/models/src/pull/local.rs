//! A GGUF file that already lies on this machine.

use std::fs::{self, File};
use std::io::Read;
use std::path::Path;

use harmonic_types::Bytes;

use crate::error::ModelError;
use crate::gguf::Header;
use crate::progress::Span;
use crate::pull::{Fetched, Job};
use crate::store::space;
use crate::worker::{self, Failure};

/// Links the file into the store where both are on one disk, else copies it; either way the store
/// keeps it when the original is deleted. Says which.
pub(super) async fn fetch(job: &Job<'_>, path: &Path) -> Result<Fetched, ModelError> {
    // Before gigabytes are copied: is it a model at all?
    Header::open(path)?;
    let partial = job.partial("part")?;
    partial.discard();
    if fs::hard_link(path, partial.path()).is_ok() {
        job.progress.note(&format!(
            "{} is linked into the store (no copy): do not change the file in place",
            path.display()
        ));
        return Ok(Fetched { part: partial, digest: None });
    }
    let size = Bytes(fs::metadata(path).map_err(ModelError::io("read", path))?.len());
    let folder = job.store.partial()?;
    space::require(&job.target, folder.path(), size)?;
    let span = Span::begin(job.progress, &format!("copying {}", job.name), Some(size));
    let (from, to, target) = (path.to_owned(), partial.clone(), job.target.clone());
    let copied = worker::run(Some(&span), move |steps| {
        let input = File::open(&from).map_err(ModelError::io("open", &from))?;
        let mut output = to.create()?;
        // A file that grows meanwhile is cut off here, and found incomplete later.
        steps.copy(input.take(size.0), &mut output).map_err(|failure| match failure {
            Failure::Read(error) => ModelError::io("read", &from)(error),
            Failure::Write(error) => space::write_error(&target, to.path(), Some(size), error),
        })
    });
    copied.await.inspect_err(|_| partial.discard())?;
    job.progress.note(&format!("{} was copied into the store", path.display()));
    Ok(Fetched { part: partial, digest: None })
}
