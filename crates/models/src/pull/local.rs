//! Import of GGUF files of this machine.

use std::fs::{self, File};
use std::io::Read;
use std::path::Path;

use harmonic_types::Bytes;

use crate::error::ModelError;
use crate::progress::ProgressSpan;
use crate::pull::{FetchedFile, Job};
use crate::shards::ModelFiles;
use crate::store::folder::PartialFile;
use crate::store::space;
use crate::worker::{self, CopyError};

/// Hard-links the file, with its further shards, into the store if both are on the same disk,
/// otherwise copies it; in both cases the store keeps it if the original is deleted.
pub(super) async fn fetch(job: &Job<'_>, path: &Path) -> Result<Vec<FetchedFile>, ModelError> {
    // Verified before gigabytes are copied.
    let files = ModelFiles::open(path)?;
    let mut parts = Vec::new();
    for (index, path) in files.paths.iter().enumerate() {
        let part = job.shard(index, "part")?;
        part.discard();
        parts.push((path, part));
    }
    if parts.iter().all(|(path, part)| link(path, part)) {
        job.progress.note(&format!(
            "{} was hard-linked into the store: do not modify the file in place",
            path.display()
        ));
    } else {
        space::require(&job.target, job.store.partial()?.path(), files.size)?;
        for (path, part) in &parts {
            let copied = copy(job, path, part.clone()).await;
            copied.inspect_err(|_| parts.iter().for_each(|(_, part)| part.discard()))?;
        }
        job.progress.note(&format!("{} was copied into the store", path.display()));
    }
    Ok(parts.into_iter().map(|(_, part)| FetchedFile { part, digest: None }).collect())
}

/// Hard-links the file, following a symbolic link.
fn link(path: &Path, part: &PartialFile) -> bool {
    path.canonicalize().and_then(|path| fs::hard_link(path, part.path())).is_ok()
}

async fn copy(job: &Job<'_>, path: &Path, to: PartialFile) -> Result<(), ModelError> {
    let size = Bytes(fs::metadata(path).map_err(ModelError::io("read", path))?.len());
    let span = ProgressSpan::begin(job.progress, &format!("copying {}", job.name), Some(size));
    let (from, target) = (path.to_owned(), job.target.clone());
    let copied = worker::run(Some(&span), move |steps| {
        let input = File::open(&from).map_err(ModelError::io("open", &from))?;
        let mut output = to.create()?;
        // A file that grows meanwhile is truncated here, which verification detects.
        steps.copy(input.take(size.0), &mut output).map_err(|failure| match failure {
            CopyError::Read(error) => ModelError::io("read", &from)(error),
            CopyError::Write(error) => space::write_error(&target, to.path(), Some(size), error),
        })
    });
    copied.await.map(|_| ())
}
