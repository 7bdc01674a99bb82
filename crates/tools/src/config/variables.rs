//! Variables in values: `${NAME}`, `${NAME:-default}`, `${env:NAME}`.

use std::collections::BTreeMap;

/// `value` with its variables replaced; what stands for a variable is not expanded again.
///
/// # Errors
/// If a variable has no value, or its form is another.
pub(super) fn expand(value: &str, variables: &BTreeMap<String, String>) -> Result<String, String> {
    let mut expanded = String::new();
    let mut rest = value;
    while let Some((before, after)) = rest.split_once("${") {
        expanded.push_str(before);
        let (inner, next) = after
            .split_once('}')
            .ok_or_else(|| format!("invalid value `{value}`: expected `}}` after `${{`"))?;
        let (name, default) = match inner.split_once(":-") {
            Some((name, default)) => (name, Some(default)),
            None => (inner, None),
        };
        let name = name.strip_prefix("env:").unwrap_or(name);
        if !is_name(name) {
            return Err(format!(
                "invalid variable `${{{inner}}}`: expected the name of an environment variable"
            ));
        }
        // As in shells, an empty value counts as none where there is a default.
        let known = variables.get(name).map(String::as_str);
        let stands_for = match default {
            Some(default) => known.filter(|value| !value.is_empty()).or(Some(default)),
            None => known,
        };
        expanded.push_str(stands_for.ok_or_else(|| {
            format!("variable `{name}` is not set: set it, or write `${{{name}:-default}}`")
        })?);
        rest = next;
    }
    expanded.push_str(rest);
    Ok(expanded)
}

fn is_name(name: &str) -> bool {
    let allowed = |char: char| char.is_ascii_alphanumeric() || char == '_';
    !name.is_empty() && name.chars().all(allowed) && !name.starts_with(|c: char| c.is_ascii_digit())
}
