//! A strict parser of the emitted subset of Ollama's Modelfile: FROM once and first, known
//! parameters with one value each, SYSTEM in three quotes once and last, and a comment.

use std::collections::BTreeMap;

/// Numeric parameters of Ollama's reference.
const PARAMETERS: [&str; 8] = [
    "num_ctx",
    "temperature",
    "top_k",
    "top_p",
    "min_p",
    "repeat_penalty",
    "presence_penalty",
    "frequency_penalty",
];

pub struct Modelfile {
    pub from: String,
    pub system: String,
    parameters: BTreeMap<String, String>,
}

impl Modelfile {
    pub fn parse(text: &str) -> Result<Self, String> {
        let rest = text.strip_prefix("FROM ").ok_or("FROM is not first")?;
        let (from, mut rest) = rest.split_once('\n').ok_or("nothing follows FROM")?;
        let mut parameters = BTreeMap::new();
        while let Some(line) = rest.strip_prefix("PARAMETER ") {
            let (line, after) = line.split_once('\n').ok_or("a line without end")?;
            let (name, value) = line.split_once(' ').ok_or(format!("no value in `{line}`"))?;
            if !PARAMETERS.contains(&name) {
                return Err(format!("unknown parameter `{name}`"));
            }
            value.parse::<f64>().map_err(|_| format!("invalid number `{value}`"))?;
            if parameters.insert(name.to_owned(), value.to_owned()).is_some() {
                return Err(format!("`{name}` is there twice"));
            }
            rest = after;
        }
        let system = rest.strip_prefix("SYSTEM \"\"\"").ok_or(format!("not SYSTEM: `{rest}`"))?;
        let (system, rest) = system.split_once("\"\"\"").ok_or("SYSTEM does not end")?;
        let comment = rest.strip_prefix("\n# harmonic: ").and_then(|rest| rest.strip_suffix('\n'));
        if comment.is_none_or(|comment| comment.contains('\n')) {
            return Err(format!("after SYSTEM: `{rest}`"));
        }
        Ok(Self { from: from.to_owned(), system: system.to_owned(), parameters })
    }

    pub fn parameter(&self, name: &str) -> &str {
        &self.parameters[name]
    }
}
