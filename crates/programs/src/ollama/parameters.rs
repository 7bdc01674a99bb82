//! Parameters of an Ollama model, checked here: Ollama accepts any name and any value
//! (`docs/sources.md#parameters-of-ollama`).

use std::fmt;

use harmonic_types::{Sampling, Tokens, did_you_mean};
use serde_json::{Map, Value};

use crate::error::ProgramError;

/// What a parameter takes.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    /// An integer of at least that.
    Integer(i64),
    /// A number in that range.
    Number(f64, f64),
    /// True or false.
    Flag,
    /// Text, several times.
    Texts,
}

/// The parameters of 0.15.6 to 0.33.0.
const KNOWN: [(&str, Kind); 19] = [
    ("num_ctx", Kind::Integer(1)),
    ("num_batch", Kind::Integer(1)),
    // -1 is Ollama's choice.
    ("num_gpu", Kind::Integer(-1)),
    ("main_gpu", Kind::Integer(0)),
    ("use_mmap", Kind::Flag),
    ("num_thread", Kind::Integer(0)),
    ("num_keep", Kind::Integer(-1)),
    ("seed", Kind::Integer(i64::MIN)),
    // -1 is without limit, -2 until the context is full.
    ("num_predict", Kind::Integer(-2)),
    ("top_k", Kind::Integer(0)),
    ("top_p", Kind::Number(0.0, 1.0)),
    ("min_p", Kind::Number(0.0, 1.0)),
    ("typical_p", Kind::Number(0.0, 1.0)),
    // -1 is the context.
    ("repeat_last_n", Kind::Integer(-1)),
    ("temperature", Kind::Number(0.0, 100.0)),
    ("repeat_penalty", Kind::Number(0.0, 100.0)),
    ("presence_penalty", Kind::Number(-100.0, 100.0)),
    ("frequency_penalty", Kind::Number(-100.0, 100.0)),
    ("stop", Kind::Texts),
];

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Integer(i64::MIN) => f.write_str("an integer"),
            Self::Integer(least) => write!(f, "an integer of at least {least}"),
            Self::Number(least, most) => write!(f, "a number from {least} to {most}"),
            Self::Flag => f.write_str("true or false"),
            Self::Texts => f.write_str("a text that is not empty, or a list of them"),
        }
    }
}

/// Value of a parameter.
#[derive(Clone, Debug, PartialEq)]
pub enum Parameter {
    /// An integer.
    Integer(i64),
    /// A number.
    Number(f64),
    /// True or false.
    Flag(bool),
    /// Texts.
    Texts(Vec<String>),
}

impl fmt::Display for Parameter {
    /// As in a Modelfile; texts are not quoted.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Integer(value) => value.fmt(f),
            Self::Number(value) => value.fmt(f),
            Self::Flag(value) => value.fmt(f),
            Self::Texts(texts) => f.write_str(&texts.join(" ")),
        }
    }
}

impl Parameter {
    fn json(&self) -> Value {
        match self {
            Self::Integer(value) => (*value).into(),
            Self::Number(value) => (*value).into(),
            Self::Flag(value) => (*value).into(),
            Self::Texts(texts) => texts.clone().into(),
        }
    }
}

/// Valid parameters of a model, each once, in the order of their insertion.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Parameters(Vec<(&'static str, Parameter)>);

impl Parameters {
    /// The parameters of an agent: context and sampling.
    ///
    /// # Errors
    /// If a value is not one that Ollama takes.
    pub fn of_agent(context: Tokens, sampling: &Sampling) -> Result<Self, ProgramError> {
        let mut parameters = Self::default();
        for (name, value) in [
            ("num_ctx", context.0.into()),
            ("temperature", decimal(sampling.temperature)),
            ("top_k", sampling.top_k.into()),
            ("top_p", decimal(sampling.top_p)),
            ("min_p", decimal(sampling.min_p)),
            ("repeat_penalty", decimal(sampling.repeat_penalty)),
            ("presence_penalty", decimal(sampling.presence_penalty)),
            ("frequency_penalty", decimal(sampling.frequency_penalty)),
        ] {
            parameters.set(name, &value)?;
        }
        Ok(parameters)
    }

    /// Sets a parameter; replaces an earlier value.
    ///
    /// # Errors
    /// If there is no such parameter, or it takes other values.
    pub fn set(&mut self, name: &str, value: &Value) -> Result<(), ProgramError> {
        let Some((name, kind)) = KNOWN.into_iter().find(|(known, _)| *known == name) else {
            let names = KNOWN.map(|(name, _)| name);
            return Err(ProgramError::Parameter {
                name: name.to_owned(),
                expected: format!("{}{}", names.join(", "), did_you_mean(name, names)),
            });
        };
        let parsed = read(kind, value).ok_or_else(|| ProgramError::Parameter {
            name: name.to_owned(),
            expected: format!("{kind}, found `{value}`"),
        })?;
        match self.0.iter_mut().find(|(known, _)| *known == name) {
            Some((_, old)) => *old = parsed,
            None => self.0.push((name, parsed)),
        }
        Ok(())
    }

    /// Sets a parameter from the text of a Modelfile. A further `stop` is added to the others.
    ///
    /// # Errors
    /// As [`Parameters::set`].
    pub fn set_text(&mut self, name: &str, text: &str) -> Result<(), ProgramError> {
        let kind = KNOWN.into_iter().find(|(known, _)| *known == name).map(|(_, kind)| kind);
        let text_value = Value::from(text);
        let value = match kind {
            Some(Kind::Texts) => {
                let mut texts = match self.get(name) {
                    Some(Parameter::Texts(texts)) => texts.clone(),
                    _ => Vec::new(),
                };
                texts.push(text.to_owned());
                texts.into()
            }
            // What is no JSON stays a text, which is refused with the value as it was given.
            _ => serde_json::from_str(text).unwrap_or(text_value),
        };
        self.set(name, &value)
    }

    /// The value of a parameter.
    pub fn get(&self, name: &str) -> Option<&Parameter> {
        self.iter().find(|(known, _)| *known == name).map(|(_, value)| value)
    }

    /// Names and values.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, &Parameter)> {
        self.0.iter().map(|(name, value)| (*name, value))
    }

    /// The content of a model's layer of parameters.
    pub(super) fn json(&self) -> Value {
        let entries = self.iter().map(|(name, value)| (name.to_owned(), value.json()));
        Value::Object(entries.collect::<Map<_, _>>())
    }
}

/// The shortest decimal that is this f32, not the nearest f64 of 17 digits.
fn decimal(value: f32) -> Value {
    value.to_string().parse::<f64>().map_or(Value::Null, Value::from)
}

fn read(kind: Kind, value: &Value) -> Option<Parameter> {
    match kind {
        Kind::Integer(least) => {
            let value = value.as_i64().filter(|value| *value >= least)?;
            // Ollama reads them as 32 bits where it passes them on.
            i32::try_from(value).ok().map(|value| Parameter::Integer(value.into()))
        }
        Kind::Number(least, most) => {
            let value = value.as_f64().filter(|value| (least..=most).contains(value))?;
            Some(Parameter::Number(value))
        }
        Kind::Flag => value.as_bool().map(Parameter::Flag),
        Kind::Texts => {
            let texts: Vec<String> = match value {
                Value::String(text) => vec![text.clone()],
                Value::Array(texts) => {
                    let texts = texts.iter().map(|text| text.as_str().map(str::to_owned));
                    texts.collect::<Option<_>>()?
                }
                _ => return None,
            };
            let is_valid = !texts.is_empty() && texts.iter().all(|text| !text.is_empty());
            is_valid.then_some(Parameter::Texts(texts))
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_agent_s_context_and_sampling_are_its_parameters() {
        let sampling = Sampling { temperature: 0.7, top_k: 0, top_p: 1.0, ..Sampling::default() };
        let parameters = Parameters::of_agent(Tokens(4096), &sampling).unwrap();
        assert_eq!(
            parameters.json().to_string(),
            r#"{"num_ctx":4096,"temperature":0.7,"top_k":0,"top_p":1.0,"min_p":0.0,"repeat_penalty":1.0,"presence_penalty":0.0,"frequency_penalty":0.0}"#
        );
        assert_eq!(parameters.get("top_p").unwrap().to_string(), "1");
        let sampling = Sampling { temperature: f32::NAN, ..Sampling::default() };
        assert!(Parameters::of_agent(Tokens(4096), &sampling).is_err());
        assert!(Parameters::of_agent(Tokens(0), &Sampling::default()).is_err());
    }

    #[test]
    fn unknown_names_and_values_of_another_kind_are_refused() {
        let mut parameters = Parameters::default();
        let unknown = parameters.set("num_ctxx", &json!(1)).unwrap_err().to_string();
        assert!(unknown.contains("(did you mean `num_ctx`?)"), "{unknown}");
        for (name, value) in [
            ("num_ctx", json!("x")),
            ("num_ctx", json!(0)),
            ("num_ctx", json!(1.5)),
            ("num_ctx", json!(u64::MAX)),
            ("num_ctx", json!(1_u64 << 31)),
            ("top_p", json!(1.1)),
            ("top_p", json!(-0.1)),
            ("top_p", json!(null)),
            ("temperature", json!(true)),
            ("use_mmap", json!(1)),
            ("stop", json!([])),
            ("stop", json!("")),
            ("stop", json!(["a", 1])),
        ] {
            let refused = parameters.set(name, &value).unwrap_err().to_string();
            assert!(
                refused.contains(&format!("invalid parameter `{name}`: expected")),
                "{refused}"
            );
        }
        assert_eq!(parameters, Parameters::default());
    }

    #[test]
    fn parameters_of_a_modelfile_are_read() {
        let mut parameters = Parameters::default();
        for (name, text) in [
            ("temperature", "0.2"),
            ("num_ctx", "2048"),
            ("stop", "<|im_end|>"),
            ("stop", "42"),
            ("use_mmap", "false"),
            ("temperature", "1"),
        ] {
            parameters.set_text(name, text).unwrap();
        }
        assert_eq!(
            parameters.json(),
            json!({"temperature": 1.0, "num_ctx": 2048, "stop": ["<|im_end|>", "42"], "use_mmap": false})
        );
        let refused = parameters.set_text("num_ctx", "2k").unwrap_err().to_string();
        assert!(refused.contains("found `\"2k\"`"), "{refused}");
        assert!(parameters.set_text("seed", "[1]").is_err());
    }
}
