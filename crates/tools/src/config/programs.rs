//! Whether the programs of a configuration are there, which is known before a run wants them.
//!
//! Does not do: start them. What they need beyond that, they say at their start.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::{Endpoint, McpConfig};
use crate::error::ToolError;

/// Where the system looks for programs without `PATH`.
const DEFAULT_PATH: &str = "/bin:/usr/bin";

impl McpConfig {
    /// Checks that the programs and folders of all servers are there, which have `environment` beside
    /// their own variables.
    ///
    /// # Errors
    /// [`ToolError::NotStarted`] for the first that is not.
    pub fn check_programs(&self, environment: &BTreeMap<String, String>) -> Result<(), ToolError> {
        for server in &self.servers {
            let Endpoint::Stdio { command, env, cwd, .. } = &server.endpoint else { continue };
            let refused = |reason| ToolError::NotStarted { server: server.name.clone(), reason };
            if let Some(folder) = cwd.as_deref().filter(|folder| !Path::new(folder).is_dir()) {
                return Err(refused(format!("there is no folder `{folder}`: correct its `cwd`")));
            }
            let folder = Path::new(cwd.as_deref().unwrap_or("."));
            let path = env.get("PATH").or_else(|| environment.get("PATH"));
            let path = path.map_or(DEFAULT_PATH, String::as_str);
            if !is_there(command, folder, path) {
                return Err(refused(format!(
                    "there is no program `{command}`: expected a path, or a name that is found in \
                     PATH ({path})"
                )));
            }
        }
        Ok(())
    }
}

/// Whether a process in `folder` with `PATH` set to `path` finds `command`.
fn is_there(command: &str, folder: &Path, path: &str) -> bool {
    if command.contains('/') {
        return is_program(&folder.join(command));
    }
    path.split(':').any(|part| is_program(&folder.join(part).join(command)))
}

fn is_program(path: &Path) -> bool {
    let about = path.metadata();
    about.is_ok_and(|about| about.is_file() && about.permissions().mode() & 0o111 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::ServerConfig;

    fn checked(command: &str, cwd: Option<&str>, path: Option<&str>) -> Result<(), String> {
        let env = path.map(|path| ("PATH".to_owned(), path.to_owned()));
        let endpoint = Endpoint::Stdio {
            command: command.to_owned(),
            args: Vec::new(),
            env: env.into_iter().collect(),
            cwd: cwd.map(str::to_owned),
        };
        let server = ServerConfig { name: "s".to_owned(), endpoint };
        let config = McpConfig { servers: vec![server] };
        config.check_programs(&BTreeMap::new()).map_err(|error| error.to_string())
    }

    #[test]
    fn a_program_is_found_as_the_system_finds_it() {
        let folder = tempfile::tempdir().unwrap();
        let here = folder.path().to_str().unwrap();
        let file = folder.path().join("server");
        std::fs::write(&file, "").unwrap();
        let text = checked("server", None, Some(here)).unwrap_err();
        assert!(text.contains("`s`") && text.contains("no program `server`"), "{text}");
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).unwrap();
        let both = format!("{here}/absent:{here}");
        for (command, cwd, path) in [
            ("sh", None, None),
            ("/bin/sh", None, Some("")),
            ("server", None, Some(both.as_str())),
            ("./server", Some(here), None),
            ("server", Some(here), Some("")),
        ] {
            assert_eq!(checked(command, cwd, path), Ok(()), "{command}");
        }
        for (command, cwd, path) in [
            ("sh", None, Some(here)),
            ("no-such-program", None, None),
            ("/bin", None, None),
            ("./server", None, None),
        ] {
            let text = checked(command, cwd, path).unwrap_err();
            assert!(text.contains(&format!("no program `{command}`")), "{text}");
        }
        let absent = format!("{here}/absent");
        let text = checked("sh", Some(&absent), None).unwrap_err();
        assert!(text.contains(&format!("no folder `{absent}`")), "{text}");
    }
}
