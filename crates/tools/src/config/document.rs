//! The JSON of a configuration, with every field accounted for.

use serde_json::{Map, Value};

use super::unique_keys::UniqueKeys;

/// Maximum size of a configuration, in bytes.
const LARGEST: usize = 1 << 20;

/// Fields of the document that hold servers: `mcpServers` of most clients, `servers` of VS Code.
const SERVERS: [&str; 2] = ["mcpServers", "servers"];

/// Servers by name, in the order of the file.
pub(super) struct Document {
    pub(super) servers: Vec<(String, Fields)>,
}

impl Document {
    /// # Errors
    /// What is wrong, in words.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        if text.len() > LARGEST {
            return Err(format!("{} bytes: expected {LARGEST} at most", text.len()));
        }
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let UniqueKeys(value) = serde_json::from_str(text).map_err(|error| error.to_string())?;
        let Value::Object(fields) = value else {
            return Err("expected an object with the field `mcpServers`".to_owned());
        };
        let mut servers = None;
        for (name, value) in fields {
            match (name.as_str(), value) {
                ("$schema", _) => {}
                ("inputs", Value::Array(inputs)) if inputs.is_empty() => {}
                ("inputs", _) => {
                    return Err("field `inputs`: questions to the user are not supported: write \
                                `${NAME}` in place of the values, and set these variables"
                        .to_owned());
                }
                (known, value) if SERVERS.contains(&known) => {
                    if servers.is_some() {
                        return Err("both `mcpServers` and `servers`: expected one".to_owned());
                    }
                    servers = Some(entries(known, value)?);
                }
                (other, _) => {
                    return Err(format!("unknown field `{other}`: expected `mcpServers`"));
                }
            }
        }
        let servers = servers.ok_or(
            "missing field `mcpServers`: expected {\"mcpServers\": {\"NAME\": {\"command\": …}}}",
        )?;
        Ok(Self { servers })
    }
}

fn entries(field: &str, value: Value) -> Result<Vec<(String, Fields)>, String> {
    let Value::Object(servers) = value else {
        return Err(format!("invalid field `{field}`: expected an object of servers by name"));
    };
    let entry = |(server, value)| match value {
        Value::Object(fields) => Ok((server, Fields(fields))),
        _ => Err(format!("invalid server `{server}`: expected an object with `command` or `url`")),
    };
    servers.into_iter().map(entry).collect()
}

/// Fields of one server; each is taken once, and none may be left.
pub(super) struct Fields(Map<String, Value>);

impl Fields {
    pub(super) fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    fn take<T: serde::de::DeserializeOwned>(
        &mut self,
        name: &str,
        expected: &str,
    ) -> Result<Option<T>, String> {
        let Some(value) = self.0.shift_remove(name) else { return Ok(None) };
        let invalid = |_| format!("invalid field `{name}`: expected {expected}");
        serde_json::from_value(value).map(Some).map_err(invalid)
    }

    pub(super) fn text(&mut self, name: &str) -> Result<Option<String>, String> {
        self.take(name, "a text")
    }

    pub(super) fn boolean(&mut self, name: &str) -> Result<Option<bool>, String> {
        self.take(name, "true or false")
    }

    pub(super) fn text_list(&mut self, name: &str) -> Result<Vec<String>, String> {
        Ok(self.take(name, "a list of texts")?.unwrap_or_default())
    }

    pub(super) fn text_map(&mut self, name: &str) -> Result<Vec<(String, String)>, String> {
        let expected = "an object whose values are texts";
        let map: Option<Map<String, Value>> = self.take(name, expected)?;
        let text = |(key, value)| match value {
            Value::String(text) => Ok((key, text)),
            _ => Err(format!("invalid field `{name}.{key}`: expected a text")),
        };
        map.unwrap_or_default().into_iter().map(text).collect()
    }

    /// # Errors
    /// If a field is left that `what` does not have.
    pub(super) fn end(self, what: &str) -> Result<(), String> {
        let Some(name) = self.0.keys().next() else { return Ok(()) };
        let remedy = match name.as_str() {
            "oauth" | "headersHelper" => "put the header `Authorization` into `headers`",
            "envFile" => "put the variables into `env`",
            _ => "remove it",
        };
        Err(format!("field `{name}` is not supported for {what}: {remedy}"))
    }
}
