//! Tools on the wire: what may be called, which must be, and what was.

use harmonic_types::{Tool, ToolCall, ToolChoice};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::invalid::Invalid;
use crate::object;
use crate::said::StringOrObject;
use crate::tools::{self, NAME};

/// A tool that the answer may call.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "OpenAiTool", extend("required" = ["type", "function"]))]
pub struct ToolBody {
    /// `function`.
    #[serde(rename = "type", default)]
    #[schemars(extend("enum" = ["function"]))]
    pub kind: String,
    /// What it is.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "object::optional"
    )]
    pub function: Option<FunctionBody>,
}

/// A function.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "OpenAiFunction", extend("required" = ["name"]))]
pub struct FunctionBody {
    /// Unique among the tools; empty when the body has none.
    #[serde(default)]
    #[schemars(regex(pattern = NAME))]
    pub name: String,
    /// What it does, for the model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// JSON Schema of its arguments; absent is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<serde_json::Map<String, Value>>")]
    pub parameters: Option<Value>,
    /// Whether its arguments follow the schema also where the model calls it by itself; absent is no.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub strict: Option<bool>,
}

/// `tool_choice` where it names a tool.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "OpenAiChoice", extend("required" = ["type", "function"]))]
pub struct ChoiceBody {
    /// `function`.
    #[serde(rename = "type", default)]
    #[schemars(extend("enum" = ["function"]))]
    pub kind: String,
    /// The tool.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "object::optional"
    )]
    pub function: Option<NameBody>,
}

/// A tool by its name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "OpenAiName", extend("required" = ["name"]))]
pub struct NameBody {
    /// Its name; empty when the body has none.
    #[serde(default)]
    #[schemars(regex(pattern = NAME))]
    pub name: String,
}

/// A call that an earlier answer made, or this one makes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "OpenAiCall", extend("required" = ["function"]))]
pub struct CallBody {
    /// Names the call for the message that brings its result.
    #[serde(default)]
    pub id: String,
    /// `function`.
    #[serde(rename = "type", default)]
    pub kind: String,
    /// What is called.
    #[serde(default, deserialize_with = "object::one")]
    pub function: CalledBody,
}

/// A function and its arguments.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "OpenAiCalled", extend("required" = ["name"]))]
pub struct CalledBody {
    /// The tool.
    #[serde(default)]
    #[schemars(regex(pattern = NAME))]
    pub name: String,
    /// JSON text. An object or nothing is read as well.
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

/// The one kind of tool.
pub(crate) const FUNCTION: &str = "function";

/// That a tool, a choice or a call is of the kind that can be served.
pub(crate) fn of_function(path: &str, kind: &str) -> Result<(), Invalid> {
    if kind == FUNCTION {
        return Ok(());
    }
    let detail = format!(": its type is `{kind}`, and only `function` is");
    Err(Invalid::unsupported(path, detail))
}

/// Names of the tools that are strict.
pub(crate) fn strict(bodies: Option<&[ToolBody]>) -> Vec<String> {
    let functions = bodies.into_iter().flatten().filter_map(|body| body.function.as_ref());
    let strict = functions.filter(|function| function.strict == Some(true));
    strict.map(|function| function.name.clone()).collect()
}

/// The tools that a body lists.
pub(crate) fn decode(bodies: Option<Vec<ToolBody>>) -> Result<Vec<Tool>, Invalid> {
    let one = |(index, body): (usize, ToolBody)| {
        let path = format!("tools[{index}]");
        of_function(&path, &body.kind)?;
        let path = format!("{path}.function");
        let function = body.function.ok_or_else(|| Invalid::value(&path, "is missing"))?;
        let FunctionBody { name, description, parameters, strict: _ } = function;
        tools::tool(&path, "parameters", name, description, parameters)
    };
    let all = bodies.into_iter().flatten().enumerate().map(one).collect::<Result<Vec<_>, _>>()?;
    tools::unique(&all)?;
    Ok(all)
}

/// The choice among `of`.
pub(super) fn decode_choice(
    body: Option<StringOrObject<ChoiceBody>>,
    of: &[Tool],
) -> Result<ToolChoice, Invalid> {
    let choice = match body {
        None => ToolChoice::Auto,
        Some(StringOrObject::Word(word)) => self::word(&word)?,
        Some(StringOrObject::Object(named)) => {
            of_function("tool_choice", &named.kind)?;
            ToolChoice::Named(named.function.unwrap_or_default().name)
        }
    };
    tools::choice(choice, of)
}

/// The choice that a word makes.
pub(crate) fn word(word: &str) -> Result<ToolChoice, Invalid> {
    match word {
        "auto" => Ok(ToolChoice::Auto),
        "none" => Ok(ToolChoice::None),
        "required" => Ok(ToolChoice::Required),
        other => Err(Invalid::value(
            "tool_choice",
            format!("is `{other}`, but must be `auto`, `none`, `required` or a function"),
        )),
    }
}

/// The calls of the message at `path`.
pub(super) fn decode_calls(
    path: &str,
    bodies: Option<Vec<CallBody>>,
) -> Result<Vec<ToolCall>, Invalid> {
    let one = |(index, body): (usize, CallBody)| {
        let path = format!("{path}.tool_calls[{index}]");
        // Some clients leave it out where it can be nothing else.
        if !body.kind.is_empty() {
            of_function(&path, &body.kind)?;
        }
        let CalledBody { name, arguments } = body.function;
        tools::call(&format!("{path}.function"), body.id, name, tools::arguments(arguments))
    };
    bodies.into_iter().flatten().enumerate().map(one).collect()
}

/// The body that lists `of`; `None` where there are none.
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

/// The body that makes `choice`.
pub(super) fn encode_choice(choice: &ToolChoice) -> Option<StringOrObject<ChoiceBody>> {
    let word = |word: &str| Some(StringOrObject::Word(word.to_owned()));
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
