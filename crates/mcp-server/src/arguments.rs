//! Arguments of the tools: their form, for models, and their check.

use harmonic_api::runs::BudgetBody;
use harmonic_orchestrator::RunLimits;
use rmcp::model::JsonObject;
use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::failure::Failure;

/// Bytes of a name.
const NAME: usize = 128;

/// Bytes of a prompt, a goal or a brief.
pub(crate) const TEXT: usize = RunLimits::GOAL;

/// Arguments of `list_agents`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NoArguments {}

/// Arguments of `ask_agent`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AskAgent {
    /// Name of the agent, as `list_agents` shows it.
    #[schemars(length(min = 1, max = NAME))]
    pub(crate) agent: String,
    /// What the agent is asked. It sees nothing else.
    #[schemars(length(min = 1, max = TEXT))]
    pub(crate) prompt: String,
    /// Tokens of the answer, at most; what the agent's context holds if absent.
    #[schemars(range(min = 1))]
    pub(crate) max_tokens: Option<u32>,
}

/// Arguments of `run_team`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RunTeam {
    /// What the team is to do, complete: it sees nothing of this conversation.
    #[schemars(length(min = 1, max = TEXT))]
    pub(crate) goal: String,
    /// Material that all tasks read.
    #[schemars(length(min = 1, max = TEXT))]
    pub(crate) brief: Option<String>,
    /// How the tasks are found: split, vote, write-check, research or code; the team decides if
    /// absent.
    #[schemars(length(min = 1, max = NAME))]
    pub(crate) recipe: Option<String>,
    /// Bounds over all tasks; at a bound the team answers with what it has.
    pub(crate) budget: Option<BudgetBody>,
    /// false returns the id of the run at once, for `run_status` and `run_result`.
    pub(crate) wait: Option<bool>,
}

/// Arguments of `run_status`, `run_result` and `run_stop`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct OneRun {
    /// Id of the run, as `run_team` returned it.
    #[schemars(length(min = 1, max = NAME))]
    pub(crate) run: String,
}

/// Schema of the arguments `T`.
pub(crate) fn schema<T: JsonSchema>() -> JsonObject {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.inline_subschemas = true;
        settings.meta_schema = None;
    });
    let schema = settings.into_generator().into_root_schema_for::<T>();
    let mut object = match schema.to_value() {
        Value::Object(object) => object,
        _ => JsonObject::new(),
    };
    // Names and comments of this code.
    object.remove("title");
    object.remove("description");
    object
}

/// The arguments of a call.
///
/// # Errors
/// What is wrong with them, in words.
pub(crate) fn read<T: DeserializeOwned>(arguments: Option<JsonObject>) -> Result<T, Failure> {
    let arguments = Value::Object(arguments.unwrap_or_default());
    serde_json::from_value(arguments)
        .map_err(|error| Failure::new(format!("invalid arguments: {error}")))
}

/// Refuses a text that says nothing or is too long.
pub(crate) fn check_text(field: &str, text: &str, most: usize) -> Result<(), Failure> {
    if text.trim().is_empty() {
        return Err(Failure::new(format!("invalid `{field}`: expected a text, and it is empty")));
    }
    if text.len() > most {
        return Err(Failure::new(format!(
            "invalid `{field}` of {} bytes: expected {most} at most",
            text.len()
        )));
    }
    Ok(())
}

/// Refuses what is no name.
pub(crate) fn check_name(field: &str, name: &str) -> Result<(), Failure> {
    check_text(field, name, NAME)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn refused<T: DeserializeOwned + std::fmt::Debug>(arguments: Value) -> String {
        let Value::Object(arguments) = arguments else { panic!("arguments are an object") };
        read::<T>(Some(arguments)).expect_err("not of that form").to_string()
    }

    #[test]
    fn what_is_unknown_missing_or_of_another_type_is_named() {
        let goal = "write a poem";
        for (arguments, named) in [
            (json!({}), "missing field `goal`"),
            (json!({"goal": 7}), "expected a string"),
            (json!({"goal": goal, "shell": "rm -rf /"}), "unknown field `shell`"),
            (json!({"goal": goal, "budget": {"token": 1}}), "unknown field `token`"),
            (json!({"goal": goal, "budget": {"tokens": -1}}), "-1"),
            (json!({"goal": goal, "wait": "no"}), "expected a boolean"),
        ] {
            let error = refused::<RunTeam>(arguments);
            assert!(error.starts_with("invalid arguments: ") && error.contains(named), "{error}");
        }
        assert!(
            refused::<AskAgent>(json!({"agent": "a", "prompt": "b", "max_tokens": 0.5}))
                .contains("0.5")
        );
        assert!(refused::<NoArguments>(json!({"x": 1})).contains("unknown field `x`"));
        assert!(read::<NoArguments>(None).is_ok());
    }

    #[test]
    fn texts_have_a_length() {
        assert!(check_text("goal", "é", 2).is_ok());
        for (text, most) in [("", 9), (" \n", 9), ("éé", 3)] {
            let error = check_text("goal", text, most).expect_err("no text").to_string();
            assert!(error.starts_with("invalid `goal`"), "{error}");
        }
    }
}
