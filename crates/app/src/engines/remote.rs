//! Engines on servers that already run, here or elsewhere.
//!
//! Invariant: the key comes from the environment and goes nowhere but to its server.

use std::sync::Arc;
use std::time::Duration;

use harmonic_api::{Client, ClientError};
use harmonic_engine::{Engine, EngineError, Identity};
use harmonic_engine_http::{Endpoint, preload};
use harmonic_types::{EnginePlan, Finding, Plan, RemoteSpec, RemoteUrl};
use tokio::runtime::Handle;

use super::abilities;
use super::http_config::{self, Behind};
use super::{EngineProcesses, PlanEngineFactory};
use crate::error::one_line;

/// Time for the first token: the server may load the model first.
const READY_TIMEOUT: Duration = Duration::from_mins(5);

/// Starts `engine` of `plan`, which is the server `remote`.
pub(super) async fn start(
    factory: &PlanEngineFactory,
    plan: &Plan,
    engine: &EnginePlan,
    remote: &RemoteSpec,
) -> Result<Arc<dyn Engine>, EngineError> {
    let failed = |reason| EngineError::Setup { id: engine.id.clone(), reason };
    let url: RemoteUrl = remote.url.parse().map_err(failed)?;
    let key = key(remote, &factory.processes).map_err(failed)?;
    if key.is_some() && url.leaves_machine() && !url.is_encrypted() {
        factory.warn(Finding::new(
            "key-unencrypted",
            format!("{}: the key and all prompts go to {url} unencrypted", engine.id),
            "use its https address",
        ));
    }
    // A program of ours is waited for until it listens; a server that already runs does.
    let client = Client::new(&remote.url).map_err(|error| failed(error.to_string()))?;
    if let Err(error @ ClientError::Unreachable { .. }) = client.models().await {
        return Err(failed(one_line(&error)));
    }
    let endpoint =
        Endpoint { url: remote.url.clone(), dialect: remote.dialect, key, sends_system: true };
    preload(&endpoint, std::slice::from_ref(&remote.model), READY_TIMEOUT).await?;
    let behind = Behind {
        endpoint,
        identity: Identity { build: Some(super::build(engine.spec.kind())), ..Identity::default() },
        capabilities: abilities::of_server(remote.dialect),
        // Its sequences are not this machine's.
        max_in_flight: engine.sequences,
        queue_limit: factory.queue_limit,
        events: factory.events.clone(),
    };
    let config = http_config::of(plan, engine, behind, |_| remote.model.clone());
    Ok(Arc::new(harmonic_engine_http::spawn(config, &Handle::current())?))
}

/// The key of a server; `None` for one without.
fn key(remote: &RemoteSpec, processes: &EngineProcesses) -> Result<Option<String>, String> {
    let Some(variable) = &remote.key_env else { return Ok(None) };
    let key = processes.environment.get(variable).map(|key| key.trim());
    let url = &remote.url;
    match key {
        None | Some("") => Err(format!(
            "the environment variable {variable}, which holds the key of {url}, is not set: set it, \
             or leave out key_env"
        )),
        Some(key) => Ok(Some(key.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use harmonic_types::RemoteDialect;

    use super::*;

    #[test]
    fn a_key_comes_from_the_environment_and_a_missing_one_is_named() {
        let remote = |key_env: Option<&str>| RemoteSpec {
            url: "https://example.org".to_owned(),
            dialect: RemoteDialect::OpenAi,
            key_env: key_env.map(str::to_owned),
            model: "m".to_owned(),
            context: None,
            leaves_machine: true,
        };
        let environment = [("SET", " sk-1\n"), ("EMPTY", " ")];
        let processes = EngineProcesses {
            guard: None,
            folder: "/absent".into(),
            path: "".into(),
            environment: environment
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .into_iter()
                .collect::<BTreeMap<_, _>>(),
        };
        assert_eq!(key(&remote(None), &processes), Ok(None));
        assert_eq!(key(&remote(Some("SET")), &processes), Ok(Some("sk-1".to_owned())));
        for variable in ["EMPTY", "ABSENT"] {
            let error = key(&remote(Some(variable)), &processes).unwrap_err();
            assert!(error.contains(variable) && error.contains("https://example.org"), "{error}");
        }
    }
}
