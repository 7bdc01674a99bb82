//! Executable of a program: the named file, or the first on `PATH`.

use std::ffi::OsStr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::{env, fs};

use harmonic_types::EngineProgram;

use crate::error::ProgramError;

/// The executable of `program`: `named` if given, else the first of its name in the folders of
/// `path`, a value of `PATH`.
///
/// A relative folder of `path` is skipped: the working directory would decide what runs. A name
/// without a folder is looked up on `path` too.
///
/// # Errors
/// If there is none, or the named file is not executable.
pub fn find(
    program: EngineProgram,
    named: Option<&Path>,
    path: &OsStr,
) -> Result<PathBuf, ProgramError> {
    let Some(named) = named else {
        return on_path(program.as_str().as_ref(), path).ok_or(ProgramError::NotFound { program });
    };
    let has_folder = named.components().count() > 1;
    let found =
        if has_folder { named.to_owned() } else { on_path(named, path).unwrap_or_default() };
    if !is_executable(&found) {
        return Err(ProgramError::NotExecutable { path: named.to_owned() });
    }
    // The program starts in a working directory of its own.
    std::path::absolute(&found).map_err(ProgramError::io("find", &found))
}

fn on_path(name: &Path, path: &OsStr) -> Option<PathBuf> {
    let folders = env::split_paths(path).filter(|folder| folder.is_absolute());
    folders.map(|folder| folder.join(name)).find(|file| is_executable(file))
}

fn is_executable(file: &Path) -> bool {
    // Links are followed: package managers install links.
    fs::metadata(file).is_ok_and(|it| it.is_file() && it.permissions().mode() & 0o111 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn program(folder: &Path, name: &str, mode: u32) -> PathBuf {
        let file = folder.join(name);
        fs::write(&file, "").unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
        file
    }

    #[test]
    fn the_first_executable_file_on_path_is_found() {
        let [data, first, second] = [(); 3].map(|()| tempfile::tempdir().unwrap());
        program(data.path(), "llama-server", 0o644);
        fs::create_dir(data.path().join("ollama")).unwrap();
        let path = env::join_paths([data.path(), Path::new("bin"), first.path(), second.path()]);
        let path = path.unwrap();
        let missing = find(EngineProgram::LlamaServer, None, &path).unwrap_err();
        assert_eq!(missing.to_string(), "cannot find `llama-server` on PATH");
        assert!(missing.hint().unwrap().contains("--engine llama-server=PATH"));
        program(second.path(), "llama-server", 0o755);
        let expected = program(first.path(), "llama-server", 0o755);
        assert_eq!(find(EngineProgram::LlamaServer, None, &path).unwrap(), expected);
        assert!(find(EngineProgram::Ollama, None, &path).is_err(), "a folder is no program");
    }

    #[test]
    fn a_named_executable_is_preferred_and_must_be_one() {
        let folder = tempfile::tempdir().unwrap();
        let other = program(folder.path(), "my-ollama", 0o755);
        let data = program(folder.path(), "data", 0o644);
        let path = folder.path().as_os_str();
        for named in [other.as_path(), Path::new("my-ollama")] {
            assert_eq!(find(EngineProgram::Ollama, Some(named), path).unwrap(), other);
        }
        for named in [data.as_path(), Path::new("absent"), Path::new(""), folder.path()] {
            let refused = find(EngineProgram::Ollama, Some(named), path).unwrap_err().to_string();
            assert!(refused.contains("expected an executable file"), "{refused}");
        }
    }
}
