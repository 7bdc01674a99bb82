//! Blobs of a model store: files named by their sha256, some of them links.

use std::fs;
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use tempfile::Builder;

use crate::error::ProgramError;
use crate::ollama::manifest::{Layer, MODEL};

/// Prefix of names under which files are written before they are complete. They lie in the root
/// of the store: Ollama takes every file below `manifests` for a manifest.
const PARTIAL: &str = ".harmonic-stack-";

pub(super) struct Blobs {
    root: PathBuf,
}

impl Blobs {
    /// The blobs of the store at `root`, which is made if absent.
    pub(super) fn open(root: &Path) -> Result<Self, ProgramError> {
        let folder = root.join("blobs");
        fs::create_dir_all(&folder).map_err(ProgramError::io("create the folder", &folder))?;
        Ok(Self { root: root.to_owned() })
    }

    fn path(&self, digest: &str) -> PathBuf {
        self.root.join("blobs").join(digest.replace(':', "-"))
    }

    /// Writes a small blob.
    pub(super) fn write(&self, media_type: &str, bytes: &[u8]) -> Result<Layer, ProgramError> {
        let digest = format!("sha256:{}", hex::encode(Sha256::digest(bytes)));
        let path = self.path(&digest);
        // One that is there is rewritten: it may have been cut short.
        self.replace(&path, bytes)?;
        let size = bytes.len() as u64;
        Ok(Layer { media_type: media_type.to_owned(), digest, size })
    }

    /// Links the model file; a file that Ollama has of that digest stays.
    pub(super) fn link(
        &self,
        media_type: &str,
        digest: &str,
        file: &Path,
        model: &str,
    ) -> Result<Layer, ProgramError> {
        // An absolute path, also for another working directory. Links in it are kept: a store of
        // models may lie behind one.
        let target = std::path::absolute(file).map_err(ProgramError::io("find", file))?;
        let size = fs::metadata(&target).map_err(ProgramError::io("read", &target))?.len();
        let digest = format!("sha256:{digest}");
        let path = self.path(&digest);
        match fs::symlink_metadata(&path) {
            Ok(found) if found.is_file() => {
                if found.len() != size {
                    return Err(ProgramError::Model {
                        model: model.to_owned(),
                        what: format!("digest: the blob {} differs in size", path.display()),
                        expected: "the digest of its file",
                    });
                }
            }
            Ok(found) if !found.is_symlink() => {
                return Err(ProgramError::io("replace", &path)(ErrorKind::AlreadyExists.into()));
            }
            Ok(_) if fs::read_link(&path).is_ok_and(|known| known == target) => {}
            Err(error) if error.kind() != ErrorKind::NotFound => {
                return Err(ProgramError::io("read", &path)(error));
            }
            _ => {
                let link = Builder::new()
                    .prefix(PARTIAL)
                    .make_in(&self.root, |partial| symlink(&target, partial))
                    .map_err(ProgramError::io("link the model file in", &self.root))?;
                let linked = link.into_temp_path().persist(&path);
                linked.map_err(|error| ProgramError::io("write", &path)(error.error))?;
            }
        }
        Ok(Layer { media_type: media_type.to_owned(), digest, size })
    }

    /// Replaces the file `path` of the store, whose folder is made if absent.
    pub(super) fn replace(&self, path: &Path, bytes: &[u8]) -> Result<(), ProgramError> {
        let failed = || ProgramError::io("write", path);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(ProgramError::io("create the folder", folder))?;
        }
        // Readable by an Ollama of another user, less the umask.
        let mode = fs::Permissions::from_mode(0o644);
        let partial = Builder::new().prefix(PARTIAL).permissions(mode).tempfile_in(&self.root);
        let mut partial = partial.map_err(failed())?;
        partial.write_all(bytes).map_err(failed())?;
        partial.persist(path).map_err(|error| failed()(error.error))?;
        Ok(())
    }

    /// Removes a blob that was written here: a small one, or the link to a model file. A model file
    /// itself stays.
    pub(super) fn remove(&self, layer: &Layer) -> Result<(), ProgramError> {
        let path = self.path(&layer.digest);
        let found = match fs::symlink_metadata(&path) {
            Ok(found) => found,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(ProgramError::io("read", path)(error)),
        };
        if layer.media_type == MODEL && !found.is_symlink() {
            return Ok(());
        }
        fs::remove_file(&path).map_err(ProgramError::io("remove", path))
    }
}
