//! Settings of an Ollama that others started, held against the plan.

use std::collections::BTreeMap;

use harmonic_types::Finding;

use super::MULTIUSER_CACHE;
use super::settings::{CONTEXT, KEEP_ALIVE, KV_TYPE, PARALLEL};
use crate::in_force::InForce;

/// How Go prints the longest duration, which stands for ever.
const FOR_EVER: &str = "2562047h";

/// Differences of the settings `variables`, from [`super::server_config`], from `wanted`. None is
/// changed here.
pub fn judge(variables: &BTreeMap<String, String>, wanted: &InForce) -> Vec<Finding> {
    let value = |name: &str| variables.get(name).map(String::as_str);
    let mut findings = Vec::new();
    findings.extend(parallel(value(PARALLEL), wanted));
    findings.extend(context(value(CONTEXT), wanted));
    findings.extend(kv_type(value(KV_TYPE), wanted));
    findings.extend(keep_alive(value(KEEP_ALIVE)));
    if wanted.parallel > 1 && value(MULTIUSER_CACHE) == Some("true") {
        findings.push(Finding::new(
            "ollama-multiuser-cache",
            "OLLAMA_MULTIUSER_CACHE is set: with more than one slot the runner of Ollama 0.15 ends \
             at the second prompt that shares a beginning with another",
            "unset OLLAMA_MULTIUSER_CACHE in the environment of `ollama serve`, and restart it",
        ));
    }
    findings
}

/// The remedy for one variable.
fn set(name: &str, value: impl std::fmt::Display) -> String {
    format!("set {name}={value} in the environment of `ollama serve`, and restart it")
}

fn parallel(value: Option<&str>, wanted: &InForce) -> Option<Finding> {
    // 0 and what is not a number count as 1.
    let found = value.map(|value| value.parse::<u32>().unwrap_or(1).max(1));
    let wanted = wanted.parallel;
    let message = match found {
        Some(found) if found >= wanted => return None,
        Some(1) => format!(
            "Ollama answers one request of a model at a time: OLLAMA_NUM_PARALLEL is 1 or unset, \
             and the plan has {wanted}"
        ),
        Some(found) => format!("OLLAMA_NUM_PARALLEL is {found}, and the plan has {wanted}"),
        None => format!("OLLAMA_NUM_PARALLEL is not in the log, and the plan has {wanted}"),
    };
    Some(Finding::new("ollama-num-parallel", message, set(PARALLEL, wanted)))
}

fn context(value: Option<&str>, wanted: &InForce) -> Option<Finding> {
    let wanted = wanted.context;
    let message = match value.map(str::parse::<u32>) {
        Some(Ok(found)) if found >= wanted.0 => return None,
        Some(Ok(0)) => format!(
            "OLLAMA_CONTEXT_LENGTH is unset: a request without num_ctx gets 4096 to 262144 tokens \
             by the GPU's memory, and reloads a model that was loaded with {wanted}"
        ),
        Some(Ok(found)) => {
            format!("OLLAMA_CONTEXT_LENGTH is {found}, and the plan has {wanted}")
        }
        Some(Err(_)) | None => {
            format!("OLLAMA_CONTEXT_LENGTH is not in the log, and the plan has {wanted}")
        }
    };
    Some(Finding::new("ollama-context-length", message, set(CONTEXT, wanted)))
}

fn kv_type(value: Option<&str>, wanted: &InForce) -> Option<Finding> {
    let found = match value? {
        "" => "f16",
        found => found,
    };
    let wanted = wanted.kv_type.to_string();
    (found != wanted).then(|| {
        Finding::new(
            "ollama-kv-cache-type",
            format!("the KV cache of Ollama has the type {found}, and that of the plan {wanted}"),
            set(KV_TYPE, wanted),
        )
    })
}

fn keep_alive(value: Option<&str>) -> Option<Finding> {
    let value = value?;
    (!value.starts_with(FOR_EVER)).then(|| {
        Finding::new(
            "ollama-keep-alive",
            format!("Ollama unloads a model that was not used for {value}, and loads it again"),
            set(KEEP_ALIVE, -1),
        )
    })
}

#[cfg(test)]
mod tests {
    use harmonic_types::{KvType, Tokens};

    use super::*;

    fn wanted() -> InForce {
        InForce {
            parallel: 8,
            context: Tokens(4096),
            kv_type: KvType::F16,
            attention: None,
            threads: None,
            model: None,
            memory_share: None,
        }
    }

    fn codes(variables: &[(&str, &str)]) -> Vec<String> {
        let variables = variables.iter().map(|(name, value)| (name.to_string(), value.to_string()));
        judge(&variables.collect(), &wanted()).into_iter().map(|finding| finding.code).collect()
    }

    #[test]
    fn a_server_with_the_settings_of_the_plan_has_no_findings() {
        let variables = [
            ("OLLAMA_NUM_PARALLEL", "8"),
            ("OLLAMA_CONTEXT_LENGTH", "4096"),
            ("OLLAMA_KV_CACHE_TYPE", ""),
            ("OLLAMA_KEEP_ALIVE", "2562047h47m16.854775807s"),
            ("OLLAMA_MULTIUSER_CACHE", "false"),
        ];
        assert_eq!(codes(&variables), Vec::<String>::new());
    }

    #[test]
    fn a_server_with_the_defaults_answers_one_request_at_a_time() {
        let variables = [
            ("OLLAMA_NUM_PARALLEL", "1"),
            ("OLLAMA_CONTEXT_LENGTH", "0"),
            ("OLLAMA_KV_CACHE_TYPE", ""),
            ("OLLAMA_KEEP_ALIVE", "5m0s"),
        ];
        assert_eq!(
            codes(&variables),
            ["ollama-num-parallel", "ollama-context-length", "ollama-keep-alive"]
        );
        let variables: BTreeMap<String, String> =
            variables.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
        let finding = judge(&variables, &wanted()).remove(0);
        assert!(finding.message.contains("one request of a model at a time"), "{finding:?}");
        assert!(finding.hint.contains("OLLAMA_NUM_PARALLEL=8"), "{finding:?}");
    }

    #[test]
    fn what_kills_the_runner_and_another_cache_type_are_found() {
        let variables = [
            ("OLLAMA_NUM_PARALLEL", "32"),
            ("OLLAMA_CONTEXT_LENGTH", "8192"),
            ("OLLAMA_KV_CACHE_TYPE", "q4_0"),
            ("OLLAMA_MULTIUSER_CACHE", "true"),
        ];
        assert_eq!(codes(&variables), ["ollama-kv-cache-type", "ollama-multiuser-cache"]);
    }

    #[test]
    fn settings_that_are_not_in_the_log_are_not_taken_for_right() {
        assert_eq!(codes(&[]), ["ollama-num-parallel", "ollama-context-length"]);
        let odd = [("OLLAMA_NUM_PARALLEL", "many"), ("OLLAMA_CONTEXT_LENGTH", "-1")];
        assert_eq!(codes(&odd), ["ollama-num-parallel", "ollama-context-length"]);
    }
}
