//! Tools, tool choices and tool calls on the wire.

use harmonic_types::{Tool, ToolCall, ToolChoice};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::object;
use crate::tools::{self, NAME};
use crate::untagged::StringOrObject;
use crate::validation_error::ValidationError;

/// Tool that the model may call.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "OpenAiTool", extend("required" = ["type", "function"]))]
pub struct ToolBody {
    /// `function`.
    #[serde(rename = "type", default)]
    #[schemars(extend("enum" = ["function"]))]
    pub kind: String,
    /// Function.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "object::optional"
    )]
    pub function: Option<FunctionBody>,
}

/// Function.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "OpenAiFunction", extend("required" = ["name"]))]
pub struct FunctionBody {
    /// Unique name; empty if absent.
    #[serde(default)]
    #[schemars(regex(pattern = NAME))]
    pub name: String,
    /// Description for the model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// JSON Schema of the arguments; absent means none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<serde_json::Map<String, Value>>")]
    pub parameters: Option<Value>,
    /// Whether the schema is enforced also for calls that the model makes by itself; absent means
    /// no.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub strict: Option<bool>,
}

/// `tool_choice` that names a tool.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "OpenAiChoice", extend("required" = ["type", "function"]))]
pub struct ChoiceBody {
    /// `function`.
    #[serde(rename = "type", default)]
    #[schemars(extend("enum" = ["function"]))]
    pub kind: String,
    /// Name of the tool.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "object::optional"
    )]
    pub function: Option<NameBody>,
}

/// Reference to a tool.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "OpenAiName", extend("required" = ["name"]))]
pub struct NameBody {
    /// Name of the tool; empty if absent.
    #[serde(default)]
    #[schemars(regex(pattern = NAME))]
    pub name: String,
}

/// Tool call of an earlier or the current answer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "OpenAiCall", extend("required" = ["function"]))]
pub struct CallBody {
    /// Id of the call, referenced by its result message.
    #[serde(default)]
    pub id: String,
    /// `function`.
    #[serde(rename = "type", default)]
    pub kind: String,
    /// Called function.
    #[serde(default, deserialize_with = "object::one")]
    pub function: CalledBody,
}

/// Function name and arguments.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "OpenAiCalled", extend("required" = ["name"]))]
pub struct CalledBody {
    /// Name of the tool.
    #[serde(default)]
    #[schemars(regex(pattern = NAME))]
    pub name: String,
    /// Arguments as JSON text. An object or null is accepted too.
    #[serde(default)]
    #[schemars(with = "String")]
    pub arguments: Value,
}

impl From<ToolCall> for CallBody {
    fn from(call: ToolCall) -> Self {
        let ToolCall { id, name, arguments } = call;
        Self {
            id,
            kind: FUNCTION.to_owned(),
            function: CalledBody { name, arguments: arguments.into() },
        }
    }
}

/// The only supported kind of tool.
pub(crate) const FUNCTION: &str = "function";

/// Checks that a tool, a choice or a call is a function.
pub(crate) fn require_function(path: &str, kind: &str) -> Result<(), ValidationError> {
    if kind == FUNCTION {
        return Ok(());
    }
    let detail = format!(": its type is `{kind}`, and only `function` is");
    Err(ValidationError::unsupported(path, detail))
}

/// Names of the strict tools.
pub(crate) fn strict(bodies: Option<&[ToolBody]>) -> Vec<String> {
    let functions = bodies.into_iter().flatten().filter_map(|body| body.function.as_ref());
    let strict = functions.filter(|function| function.strict == Some(true));
    strict.map(|function| function.name.clone()).collect()
}

/// Tools of a body.
pub(crate) fn decode(bodies: Option<Vec<ToolBody>>) -> Result<Vec<Tool>, ValidationError> {
    let one = |(index, body): (usize, ToolBody)| {
        let path = format!("tools[{index}]");
        require_function(&path, &body.kind)?;
        let path = format!("{path}.function");
        let function = body.function.ok_or_else(|| ValidationError::value(&path, "is missing"))?;
        let FunctionBody { name, description, parameters, strict: _ } = function;
        tools::tool(&path, "parameters", name, description, parameters)
    };
    let all = bodies.into_iter().flatten().enumerate().map(one).collect::<Result<Vec<_>, _>>()?;
    tools::unique(&all)?;
    Ok(all)
}

/// Decodes a choice among the tools `of`.
pub(super) fn decode_choice(
    body: Option<StringOrObject<ChoiceBody>>,
    of: &[Tool],
) -> Result<ToolChoice, ValidationError> {
    let choice = match body {
        None => ToolChoice::Auto,
        Some(StringOrObject::String(word)) => self::word(&word)?,
        Some(StringOrObject::Object(named)) => {
            require_function("tool_choice", &named.kind)?;
            ToolChoice::Named(named.function.unwrap_or_default().name)
        }
    };
    tools::choice(choice, of)
}

/// Decodes a keyword of `tool_choice`.
pub(crate) fn word(word: &str) -> Result<ToolChoice, ValidationError> {
    match word {
        "auto" => Ok(ToolChoice::Auto),
        "none" => Ok(ToolChoice::None),
        "required" => Ok(ToolChoice::Required),
        other => Err(ValidationError::value(
            "tool_choice",
            format!("is `{other}`, but must be `auto`, `none`, `required` or a function"),
        )),
    }
}

/// Tool calls of the message at `path`.
pub(super) fn decode_calls(
    path: &str,
    bodies: Option<Vec<CallBody>>,
) -> Result<Vec<ToolCall>, ValidationError> {
    let one = |(index, body): (usize, CallBody)| {
        let path = format!("{path}.tool_calls[{index}]");
        // Some clients omit the only possible kind.
        if !body.kind.is_empty() {
            require_function(&path, &body.kind)?;
        }
        let CalledBody { name, arguments } = body.function;
        tools::call(&format!("{path}.function"), body.id, name, tools::arguments(arguments))
    };
    bodies.into_iter().flatten().enumerate().map(one).collect()
}

/// Encodes tools; `None` if there are none.
pub(crate) fn encode(of: &[Tool]) -> Option<Vec<ToolBody>> {
    let one = |tool: &Tool| ToolBody {
        kind: FUNCTION.to_owned(),
        function: Some(FunctionBody {
            name: tool.name.clone(),
            description: tool.description.clone(),
            parameters: Some(tools::value(&tool.parameters)),
            strict: None,
        }),
    };
    (!of.is_empty()).then(|| of.iter().map(one).collect())
}

/// Encodes a tool choice.
pub(super) fn encode_choice(choice: &ToolChoice) -> Option<StringOrObject<ChoiceBody>> {
    let word = |word: &str| Some(StringOrObject::String(word.to_owned()));
    match choice {
        ToolChoice::Auto => None,
        ToolChoice::None => word("none"),
        ToolChoice::Required => word("required"),
        ToolChoice::Named(name) => Some(StringOrObject::Object(ChoiceBody {
            kind: FUNCTION.to_owned(),
            function: Some(NameBody { name: name.clone() }),
        })),
    }
}
