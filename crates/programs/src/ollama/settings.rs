//! Settings of `ollama serve`, as environment variables: those of its `envconfig`, 0.15.6 to
//! 0.33.0 (`docs/sources.md#behaviour-of-ollama`).

use harmonic_types::{Attention, KvType, Tokens};

use super::PROGRAM;
use crate::error::ProgramError;

/// Address that it listens on.
const HOST: &str = "OLLAMA_HOST";

/// Requests of one model that run at the same time. 1 if unset.
pub(super) const PARALLEL: &str = "OLLAMA_NUM_PARALLEL";

/// Context of a slot where neither model nor request state one. By the GPU's memory if unset, up
/// to 262144.
pub(super) const CONTEXT: &str = "OLLAMA_CONTEXT_LENGTH";

/// Models in memory at the same time.
const LOADED_MODELS: &str = "OLLAMA_MAX_LOADED_MODELS";

/// Time after which an unused model is unloaded. Negative is never.
pub(super) const KEEP_ALIVE: &str = "OLLAMA_KEEP_ALIVE";

/// Requests that may wait for a model to be loaded.
const QUEUE: &str = "OLLAMA_MAX_QUEUE";

/// Time without progress after which loading a model fails.
const LOAD_TIMEOUT: &str = "OLLAMA_LOAD_TIMEOUT";

/// Whether it asks its maker's servers.
const NO_CLOUD: &str = "OLLAMA_NO_CLOUD";

/// Whether attention is fused. Its choice if unset.
const FLASH: &str = "OLLAMA_FLASH_ATTENTION";

/// Element type of the KV cache. f16 if unset.
pub(super) const KV_TYPE: &str = "OLLAMA_KV_CACHE_TYPE";

/// Variables of the same value for every plan. They are stated because an inherited value would
/// count otherwise.
const FIXED: [(&str, &str); 4] = [
    // Models stay loaded, as planned.
    (KEEP_ALIVE, "-1"),
    // Its default: twice the sequences that an engine can have.
    (QUEUE, "512"),
    // Twice its default, for a first load from a slow disk.
    (LOAD_TIMEOUT, "10m"),
    (NO_CLOUD, "1"),
];

/// Settings of one server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Address to listen on.
    pub host: String,
    /// Port to listen on.
    pub port: u16,
    /// Requests of one model that run at the same time.
    pub parallel: u32,
    /// Context of a slot where the model states none.
    pub context: Tokens,
    /// Models in memory at the same time.
    pub loaded_models: u32,
    /// Element type of the KV cache.
    pub kv_type: KvType,
    /// Attention algorithm; `None` leaves the choice to the program.
    pub attention: Option<Attention>,
}

impl Settings {
    /// The environment variables.
    pub fn variables(&self) -> Vec<(&'static str, String)> {
        let is_ipv6 = self.host.contains(':');
        let host = if is_ipv6 { format!("[{}]", self.host) } else { self.host.clone() };
        let mut variables = vec![
            (HOST, format!("{host}:{}", self.port)),
            (PARALLEL, self.parallel.to_string()),
            (CONTEXT, self.context.to_string()),
            (LOADED_MODELS, self.loaded_models.to_string()),
        ];
        variables.extend(FIXED.map(|(name, value)| (name, value.to_owned())));
        // A quantised KV cache requires it.
        let flash = match (self.attention, self.kv_type) {
            (Some(Attention::Plain), _) => Some("0"),
            (Some(Attention::Flash), _) | (None, KvType::Q8_0) => Some("1"),
            (None, KvType::F16) => None,
        };
        variables.extend(flash.map(|flash| (FLASH, flash.to_owned())));
        variables.push((KV_TYPE, self.kv_type.to_string()));
        variables
    }

    /// The settings that [`Settings::variables`] writes as `variables`.
    ///
    /// # Errors
    /// If one is missing, unknown or of another form.
    pub fn parse(variables: &[(&str, &str)]) -> Result<Self, ProgramError> {
        let known = [HOST, PARALLEL, CONTEXT, LOADED_MODELS, FLASH, KV_TYPE];
        for (name, value) in variables {
            let fixed = FIXED.iter().find(|(fixed, _)| fixed == name);
            match fixed {
                Some((_, expected)) if expected != value => {
                    return Err(invalid(name, &format!("expected `{expected}`, found `{value}`")));
                }
                None if !known.contains(name) => {
                    return Err(invalid(name, "expected a variable that is written here"));
                }
                _ => {}
            }
        }
        let value = |name: &str| {
            let mut values = variables.iter().filter(|(known, _)| *known == name);
            match (values.next(), values.next()) {
                (Some((_, value)), None) => Ok(*value),
                _ => Err(invalid(name, "expected it once")),
            }
        };
        for (name, _) in FIXED {
            value(name)?;
        }
        let number = |name: &str| {
            let value = value(name)?;
            let number = value.parse::<u32>();
            number.map_err(|_| invalid(name, &format!("`{value}` is not a number")))
        };
        let (host, port) = value(HOST)?
            .rsplit_once(':')
            .and_then(|(host, port)| Some((host, port.parse().ok()?)))
            .ok_or_else(|| invalid(HOST, "expected HOST:PORT"))?;
        let kv_type = match value(KV_TYPE)? {
            "f16" => KvType::F16,
            "q8_0" => KvType::Q8_0,
            _ => return Err(invalid(KV_TYPE, "expected f16 or q8_0")),
        };
        let attention = match variables.iter().find(|(name, _)| *name == FLASH) {
            None => None,
            Some((_, "1")) => Some(Attention::Flash),
            Some((_, "0")) => Some(Attention::Plain),
            Some(_) => return Err(invalid(FLASH, "expected 0 or 1")),
        };
        Ok(Self {
            host: host.trim_start_matches('[').trim_end_matches(']').to_owned(),
            port,
            parallel: number(PARALLEL)?,
            context: Tokens(number(CONTEXT)?),
            loaded_models: number(LOADED_MODELS)?,
            kv_type,
            attention,
        })
    }
}

fn invalid(name: &str, reason: &str) -> ProgramError {
    ProgramError::ReadBack {
        program: PROGRAM,
        what: format!("variable {name}"),
        reason: reason.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> Settings {
        Settings {
            host: "::1".to_owned(),
            port: 11435,
            parallel: 8,
            context: Tokens(4096),
            loaded_models: 2,
            kv_type: KvType::Q8_0,
            attention: Some(Attention::Flash),
        }
    }

    #[test]
    fn an_environment_with_a_wrong_missing_or_unknown_variable_is_refused() {
        let written = settings().variables();
        let variables: Vec<(&str, &str)> =
            written.iter().map(|(name, value)| (*name, value.as_str())).collect();
        assert_eq!(Settings::parse(&variables).unwrap(), settings());
        for at in 0..variables.len() {
            let mut less = variables.clone();
            let (name, _) = less.remove(at);
            // Without the flag the program chooses.
            assert_eq!(Settings::parse(&less).is_ok(), name == FLASH, "{name}");
            let mut twice = variables.clone();
            twice.push(variables[at]);
            assert!(name == FLASH || Settings::parse(&twice).is_err(), "{name}");
            let mut wrong = variables.clone();
            wrong[at].1 = "x";
            let refused = Settings::parse(&wrong).unwrap_err().to_string();
            assert!(refused.contains(name), "{refused}");
        }
        let mut more = variables.clone();
        more.push(("OLLAMA_MULTIUSER_CACHE", "1"));
        let refused = Settings::parse(&more).unwrap_err().to_string();
        assert!(refused.contains("OLLAMA_MULTIUSER_CACHE"), "{refused}");
    }

    #[test]
    fn a_quantised_cache_brings_flash_attention_with_it() {
        let settings = Settings { attention: None, ..settings() };
        assert!(settings.variables().contains(&("OLLAMA_FLASH_ATTENTION", "1".to_owned())));
        let settings = Settings { kv_type: KvType::F16, ..settings };
        assert!(settings.variables().iter().all(|(name, _)| *name != "OLLAMA_FLASH_ATTENTION"));
    }
}
