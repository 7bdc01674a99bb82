//! Settings from environment variables, read once.
//!
//! Invariant: no other module and no library reads harmonic's variables.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};
use etcetera::BaseStrategy;
use harmonic_app::{
    CacheRoots, EngineProcesses, InstanceRegistry, PullOptions, Settings, Store, VARIABLES,
    default_root,
};
use harmonic_types::RunToken;

use crate::error::CliError;
use crate::form_trial;
use crate::guard_process;
use crate::logging::LogFormat;
use crate::tool_helper;

/// Default stack.
const STACK: &str = "standard";

/// Settings from environment variables.
#[derive(Clone, Debug)]
pub struct Environment {
    /// Settings of `app`: directories from `$HARMONIC_MODELS`, `$XDG_DATA_HOME` (curves, tuned
    /// configs, verdicts, benchmark runs), `$XDG_STATE_HOME` (deployments, logs) and `$XDG_CONFIG_HOME`
    /// (keys); `$HARMONIC_API_KEY`, `$HARMONIC_RUN`, `$HARMONIC_PORT`, `$HARMONIC_STACK`,
    /// `$HF_ENDPOINT`, `$HF_TOKEN`.
    pub settings: Settings,
    /// `$HARMONIC_LOG`, else `$RUST_LOG`.
    pub log: Option<String>,
    /// `$HARMONIC_LOG_FORMAT`: text or json.
    pub log_format: LogFormat,
}

/// Base directories of the user.
#[derive(Clone, Copy)]
struct UserDirectories<'a> {
    home: &'a Path,
    data: &'a Path,
    state: &'a Path,
    config: &'a Path,
}

impl Environment {
    /// Reads the environment.
    ///
    /// # Errors
    /// When the home directory is unknown or a variable is invalid.
    pub fn read() -> anyhow::Result<Self> {
        #[expect(clippy::disallowed_methods, reason = "the one place that reads the environment")]
        let lookup = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let folders = etcetera::choose_base_strategy()
            .map_err(|error| anyhow!(error))
            .context("cannot determine the home directory: set HOME")?;
        let data = folders.data_dir();
        // Windows has no separate state directory.
        let state = folders.state_dir().unwrap_or_else(|| data.clone());
        let config = folders.config_dir();
        let directories = UserDirectories {
            home: folders.home_dir(),
            data: &data,
            state: &state,
            config: &config,
        };
        Self::from_environment(&lookup, &directories)
    }

    fn from_environment(
        lookup: &dyn Fn(&str) -> Option<String>,
        directories: &UserDirectories<'_>,
    ) -> anyhow::Result<Self> {
        let UserDirectories { home, data, state, config } = *directories;
        let path = |name: &str| lookup(name).map(PathBuf::from);
        let defaults = PullOptions::default();
        let own_file =
            || Path::new(Settings::STACK_FILE).exists().then(|| Settings::STACK_FILE.to_owned());
        let settings = Settings {
            store: Store::new(path("HARMONIC_MODELS").unwrap_or_else(|| default_root(data))),
            curves: data.join("harmonic/curves"),
            tuned: data.join("harmonic/setups"),
            verdicts: data.join("harmonic/verdicts"),
            benches: data.join("harmonic/bench"),
            instances: InstanceRegistry::new(state.join("harmonic/runs")),
            logs: state.join("harmonic/logs"),
            journals: state.join("harmonic/journals"),
            keys: config.join("harmonic/keys.toml"),
            api_key: lookup("HARMONIC_API_KEY"),
            within: lookup(RunToken::VARIABLE).map(|text| run_token(&text)).transpose()?,
            caches: caches(&path, home),
            pull: PullOptions {
                hub_endpoint: lookup("HF_ENDPOINT").unwrap_or(defaults.hub_endpoint),
                hub_token: lookup("HF_TOKEN"),
                ..defaults
            },
            port: lookup("HARMONIC_PORT").map_or(Ok(Settings::DEFAULT_PORT), |text| port(&text))?,
            stack: lookup("HARMONIC_STACK").or_else(own_file).unwrap_or_else(|| STACK.to_owned()),
            variables: VARIABLES
                .into_iter()
                .filter_map(|name| Some((name.to_owned(), lookup(name)?)))
                .collect(),
            host: host(),
            form_trial: form_trial::with_this_program(),
            tool_processes: tool_helper::with_this_program(),
            engine_processes: EngineProcesses {
                guard: guard_process::with_this_program(),
                folder: state.join("harmonic/engines"),
                path: search_path(),
                environment: variables(),
            },
        };
        let log_format =
            lookup("HARMONIC_LOG_FORMAT").map_or(Ok(LogFormat::default()), |text| text.parse())?;
        let log = lookup("HARMONIC_LOG").or_else(|| lookup("RUST_LOG"));
        Ok(Self { settings, log, log_format })
    }
}

/// Width of the terminal in `$COLUMNS`, if it is a number above 0: a shell sets it, so another value
/// is the shell's and no error of this program.
pub fn columns() -> Option<usize> {
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the environment")]
    let columns = std::env::var("COLUMNS").ok()?;
    columns.trim().parse().ok().filter(|columns| *columns > 0)
}

/// The running executable, even if its file has been replaced since; `None` if its path is unknown.
pub fn itself() -> Option<PathBuf> {
    let running = Path::new("/proc/self/exe");
    if running.exists() { Some(running.to_owned()) } else { std::env::current_exe().ok() }
}

/// All variables whose names and values are UTF-8.
pub fn variables() -> BTreeMap<String, String> {
    let text = |(name, value): (OsString, OsString)| {
        Some((name.into_string().ok()?, value.into_string().ok()?))
    };
    std::env::vars_os().filter_map(text).collect()
}

/// `$PATH`, in which programs are searched for.
fn search_path() -> OsString {
    std::env::var_os("PATH").unwrap_or_default()
}

/// Path and arguments of this program.
///
/// # Errors
/// When the system does not know the path.
pub fn this_program() -> io::Result<(PathBuf, Vec<OsString>)> {
    Ok((std::env::current_exe()?, std::env::args_os().skip(1).collect()))
}

/// The run that has started this process. The value is a secret, so an error has none of it.
fn run_token(text: &str) -> Result<RunToken, CliError> {
    RunToken::parse(text).ok_or_else(|| {
        CliError::new(
            format!(
                "invalid {}: expected the token that a run gives its tools",
                RunToken::VARIABLE
            ),
            format!("unset {}", RunToken::VARIABLE),
        )
    })
}

fn port(text: &str) -> Result<u16, CliError> {
    text.parse().map_err(|_| {
        CliError::new(
            format!("invalid HARMONIC_PORT `{text}`: expected 0 to 65535"),
            "correct or unset HARMONIC_PORT",
        )
    })
}

/// Host name, or `localhost` if it is not set.
fn host() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    match name.trim() {
        "" => "localhost".to_owned(),
        name => name.to_owned(),
    }
}

/// Model caches of other tools, located by their rules.
fn caches(path: &dyn Fn(&str) -> Option<PathBuf>, home: &Path) -> CacheRoots {
    let cache = path("XDG_CACHE_HOME").unwrap_or_else(|| home.join(".cache"));
    let hub = path("HF_HUB_CACHE").unwrap_or_else(|| {
        path("HF_HOME").unwrap_or_else(|| cache.join("huggingface")).join("hub")
    });
    let ollama = [
        path("OLLAMA_MODELS"),
        Some(home.join(".ollama/models")),
        Some(PathBuf::from("/usr/share/ollama/.ollama/models")),
    ];
    CacheRoots {
        hugging_face: vec![hub],
        ollama: ollama.into_iter().flatten().collect(),
        lm_studio: vec![home.join(".lmstudio/models"), home.join(".cache/lm-studio/models")],
        llama_cpp: vec![path("LLAMA_CACHE").unwrap_or_else(|| cache.join("llama.cpp"))],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> anyhow::Result<Environment> {
        let lookup = |name: &str| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        let [home, data, state, config] =
            ["/home/me", "/home/me/.data", "/home/me/.state", "/home/me/.config"].map(Path::new);
        Environment::from_environment(&lookup, &UserDirectories { home, data, state, config })
    }

    #[test]
    fn without_variables_the_defaults_hold() {
        let Environment { settings, log, .. } = read(&[]).unwrap();
        assert_eq!(settings.store.root(), Path::new("/home/me/.data/harmonic/models"));
        assert_eq!((settings.port, settings.stack.as_str()), (4276, "standard"));
        assert_eq!(log, None);
        assert_eq!(settings.keys, Path::new("/home/me/.config/harmonic/keys.toml"));
        assert_eq!(settings.logs, Path::new("/home/me/.state/harmonic/logs"));
        let hub = PathBuf::from("/home/me/.cache/huggingface/hub");
        assert_eq!(settings.caches.hugging_face, [hub]);
    }

    #[test]
    fn variables_win() {
        let Environment { settings, log, .. } = read(&[
            ("HARMONIC_MODELS", "/big/models"),
            ("HARMONIC_PORT", "0"),
            ("HARMONIC_STACK", "dev"),
            ("RUST_LOG", "info"),
            ("HARMONIC_LOG", "debug"),
            ("HF_HOME", "/hf"),
            ("HF_ENDPOINT", "http://mirror"),
        ])
        .unwrap();
        assert_eq!(settings.store.root(), Path::new("/big/models"));
        assert_eq!((settings.port, settings.stack.as_str()), (0, "dev"));
        assert_eq!(log.as_deref(), Some("debug"));
        assert_eq!(settings.caches.hugging_face, [PathBuf::from("/hf/hub")]);
        assert_eq!(settings.pull.hub_endpoint, "http://mirror");
    }

    #[test]
    fn an_invalid_port_is_named() {
        let error = read(&[("HARMONIC_PORT", "high")]).unwrap_err();
        assert_eq!(error.to_string(), "invalid HARMONIC_PORT `high`: expected 0 to 65535");
    }

    #[test]
    fn the_token_of_a_run_is_read_and_an_invalid_one_is_refused_without_repeating_it() {
        let token = RunToken::of([7; RunToken::BYTES]);
        let settings = read(&[(RunToken::VARIABLE, token.as_str())]).unwrap().settings;
        assert_eq!(settings.within, Some(token));
        for text in ["secret", "hrt_secret", "\u{1b}[2J"] {
            let error = read(&[(RunToken::VARIABLE, text)]).unwrap_err().to_string();
            assert!(error.starts_with("invalid HARMONIC_RUN") && !error.contains(text), "{error}");
        }
    }
}
