//! Keys of a llama-swap configuration that a stack file does not have, with the reasons.

const SERVER: &str = "a setting of the server, not of an agent: see `harmonic up --help`";
const LOADING: &str = "the engines of a plan stay loaded, within the memory that there is";
const PROCESS: &str = "a setting of the process of the engine, which is started here";
const NAMES: &str = "an agent has one name, which requests use as the model";

/// Reason for a key at the top; `None` if llama-swap has no such key.
pub(super) fn at_top(key: &str) -> Option<&'static str> {
    Some(match key {
        "healthCheckTimeout" | "logLevel" | "logTimeFormat" | "logToStdout"
        | "metricsMaxInMemory" | "captureBuffer" | "store" | "ui" | "performance" | "startPort"
        | "sendLoadingState" | "logRequests" | "upstream" => SERVER,
        "apiKeys" => "keys are made by `harmonic keys add`",
        "globalTTL" | "unloadTimeout" | "groups" | "matrix" | "hooks" => LOADING,
        "includeAliasesInList" | "profiles" => NAMES,
        "peers" => "served by other machines: `--engine remote=URL` uses such a server",
        _ => return None,
    })
}

/// Reason for a key of a model; `None` if llama-swap has no such key.
pub(super) fn of_model(key: &str) -> Option<&'static str> {
    Some(match key {
        "proxy" | "checkEndpoint" | "cmdStop" | "timeouts" | "useModelName" => PROCESS,
        "ttl" | "unloadTimeout" => LOADING,
        "aliases" => NAMES,
        "unlisted" => "every agent is listed",
        "concurrencyLimit" => {
            "the plan divides slots by tier: `--slots AGENT=N` of `harmonic plan` and `up` states \
             them"
        }
        "metadata" | "capabilities" => "the model's file decides what is said of it",
        "sendLoadingState" => SERVER,
        _ => return None,
    })
}
