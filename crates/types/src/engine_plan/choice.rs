//! The choice of an engine, as arguments and stack files state it.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{EngineKind, EngineProgram, RemoteDialect, RemoteUrl};
use crate::suggestion::did_you_mean;
use crate::units::Tokens;

/// Engine of an agent or a team, before it is planned.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum EngineChoice {
    /// llama.cpp in this process.
    #[default]
    Llama,
    /// A simulated machine.
    Sim,
    /// A server program of others, run by us.
    Process(ProcessChoice),
    /// A server that already runs.
    Remote(RemoteChoice),
}

/// A server program of others and where it is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ProcessChoice {
    /// The program.
    pub program: EngineProgram,
    /// Its executable; `None` finds it on `PATH`.
    pub executable: Option<PathBuf>,
}

/// A server that already runs, and how to ask it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RemoteChoice {
    /// Its address.
    pub url: RemoteUrl,
    /// API that is spoken there.
    pub dialect: RemoteDialect,
    /// Environment variable that holds the key.
    pub key_env: Option<String>,
    /// Name of the model there; `None` is that of the agent's model.
    pub model: Option<String>,
    /// Context of each request there; `None` where it is unknown.
    pub context: Option<Tokens>,
}

impl RemoteChoice {
    /// `text`, if it is the name of an environment variable.
    ///
    /// # Errors
    /// When it is not; a key in its place is not repeated.
    pub fn key_variable(text: &str) -> Result<String, String> {
        let is_name = !text.is_empty()
            && !text.starts_with(|c: char| c.is_ascii_digit())
            && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        if is_name {
            return Ok(text.to_owned());
        }
        Err("invalid key_env: expected the name of an environment variable that holds the key, \
             not the key itself"
            .to_owned())
    }

    /// The server at `url`, without a key.
    pub const fn at(url: RemoteUrl) -> Self {
        Self { url, dialect: RemoteDialect::OpenAi, key_env: None, model: None, context: None }
    }
}

impl EngineChoice {
    /// The forms of [`FromStr`], for errors and help.
    pub const FORMS: &'static str = "llama, sim, ollama, llama-server, vllm, or remote=URL";

    /// The kind.
    pub const fn kind(&self) -> EngineKind {
        match self {
            Self::Llama => EngineKind::Llama,
            Self::Sim => EngineKind::Sim,
            Self::Process(process) => process.program.kind(),
            Self::Remote(_) => EngineKind::Remote,
        }
    }

    /// Whether prompts leave this machine.
    pub const fn leaves_machine(&self) -> bool {
        matches!(self, Self::Remote(remote) if remote.url.leaves_machine())
    }
}

impl fmt::Display for EngineChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind().as_str())?;
        match self {
            Self::Llama | Self::Sim => Ok(()),
            Self::Process(ProcessChoice { executable, .. }) => match executable {
                Some(executable) => write!(f, "={}", executable.display()),
                None => Ok(()),
            },
            Self::Remote(RemoteChoice { url, dialect, key_env, model, context }) => {
                write!(f, "={url}")?;
                if *dialect != RemoteDialect::default() {
                    write!(f, ",dialect={dialect}")?;
                }
                if let Some(variable) = key_env {
                    write!(f, ",key_env={variable}")?;
                }
                if let Some(model) = model {
                    write!(f, ",model={model}")?;
                }
                match context {
                    Some(context) => write!(f, ",context={}", context.0),
                    None => Ok(()),
                }
            }
        }
    }
}

impl From<EngineChoice> for String {
    fn from(choice: EngineChoice) -> Self {
        choice.to_string()
    }
}

impl TryFrom<String> for EngineChoice {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

/// `KIND`, `PROGRAM=EXECUTABLE`, or `remote=URL` with `,key_env=VARIABLE`, `,model=NAME`,
/// `,dialect=ollama` and `,context=TOKENS` after it.
impl FromStr for EngineChoice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, value) = match text.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (text, None),
        };
        let Some(kind) = EngineKind::ALL.into_iter().find(|kind| kind.as_str() == name) else {
            let meant = did_you_mean(name, EngineKind::ALL.iter().map(|kind| kind.as_str()));
            return Err(format!("invalid engine `{name}`: expected {}{meant}", Self::FORMS));
        };
        match (kind, kind.program(), value) {
            (EngineKind::Remote, _, Some(value)) => remote(value).map(Self::Remote),
            (EngineKind::Remote, _, None) => Err("missing URL of the engine `remote`: expected \
                                                  remote=URL, such as remote=http://localhost:8000"
                .to_owned()),
            (_, Some(program), None) => {
                Ok(Self::Process(ProcessChoice { program, executable: None }))
            }
            (_, Some(program), Some(path)) if !path.trim().is_empty() => {
                Ok(Self::Process(ProcessChoice { program, executable: Some(PathBuf::from(path)) }))
            }
            (_, Some(program), Some(_)) => {
                Err(format!("invalid engine `{text}`: expected {program}=PATH of its executable"))
            }
            (EngineKind::Sim, None, None) => Ok(Self::Sim),
            (_, None, None) => Ok(Self::Llama),
            (_, None, Some(_)) => {
                Err(format!("invalid engine `{name}=…`: `{name}` takes no value"))
            }
        }
    }
}

/// The server described by `text`: its URL and options after commas.
fn remote(text: &str) -> Result<RemoteChoice, String> {
    const OPTIONS: [&str; 4] = ["dialect", "key_env", "model", "context"];
    let mut parts = text.split(',');
    let url = parts.next().unwrap_or_default();
    let mut choice = RemoteChoice::at(url.parse()?);
    let mut given: Vec<&str> = Vec::new();
    for part in parts {
        let (key, value) = part.split_once('=').unwrap_or((part, ""));
        if !OPTIONS.contains(&key) {
            let meant = did_you_mean(key, OPTIONS);
            let known = OPTIONS.join(", ");
            return Err(format!(
                "invalid option `{key}` of a remote engine: expected {known}{meant}"
            ));
        }
        if given.contains(&key) {
            return Err(format!("duplicate option `{key}` of a remote engine"));
        }
        given.push(key);
        match key {
            "dialect" => choice.dialect = value.parse()?,
            "key_env" => choice.key_env = Some(RemoteChoice::key_variable(value)?),
            "context" => choice.context = Some(context(value)?),
            _ if value.trim().is_empty() => {
                return Err(
                    "invalid option `model=` of a remote engine: expected the name of the \
                            model there"
                        .to_owned(),
                );
            }
            _ => choice.model = Some(value.to_owned()),
        }
    }
    Ok(choice)
}

fn context(text: &str) -> Result<Tokens, String> {
    let tokens = text.parse().ok().filter(|tokens| *tokens > 0);
    tokens.map(Tokens).ok_or_else(|| {
        format!("invalid context `{text}`: expected the tokens of prompt and answer together")
    })
}
