//! Query of `GET /v1/responses/{id}`.

use crate::event_chunks::shortened;
use crate::responses::ResponsesError;

/// How a response is read. Other parameters (`include`, `include_obfuscation`) have no effect: the
/// whole response is returned.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct ReadQuery {
    /// Whether its events are wanted.
    pub(super) is_streamed: bool,
    /// The last event that the client has.
    pub(super) after: Option<u64>,
}

impl ReadQuery {
    /// Parses `query`.
    ///
    /// # Errors
    /// For a value of another form, one that stands twice, and an event without a stream.
    pub(super) fn parse(query: &str) -> Result<Self, ResponsesError> {
        let (mut is_streamed, mut after) = (None, None);
        for pair in query.split('&') {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            match name {
                "stream" => {
                    let parsed = match value {
                        "true" | "1" => Some(true),
                        "false" | "0" => Some(false),
                        _ => None,
                    };
                    set("stream", value, "true or false", parsed, &mut is_streamed)?;
                }
                "starting_after" => {
                    let is_number = !value.is_empty() && value.bytes().all(|b| b.is_ascii_digit());
                    let parsed = is_number.then(|| value.parse::<u64>().ok()).flatten();
                    set("starting_after", value, "the number of an event", parsed, &mut after)?;
                }
                _ => {}
            }
        }
        let is_streamed = is_streamed.unwrap_or(false);
        if let Some(after) = after.filter(|_| !is_streamed) {
            let expected = "`stream=true` beside it: events are only in streams";
            return Err(invalid("starting_after", &after.to_string(), expected));
        }
        Ok(Self { is_streamed, after })
    }
}

fn set<T>(
    name: &'static str,
    value: &str,
    expected: &str,
    parsed: Option<T>,
    field: &mut Option<T>,
) -> Result<(), ResponsesError> {
    if field.is_some() {
        return Err(invalid(name, value, "it once"));
    }
    *field = Some(parsed.ok_or_else(|| invalid(name, value, expected))?);
    Ok(())
}

fn invalid(name: &'static str, value: &str, expected: &str) -> ResponsesError {
    let (value, expected) = (shortened(value.to_owned()), expected.to_owned());
    ResponsesError::Query { name, value, expected }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_names_the_stream_and_the_last_event() {
        let read = |query| ReadQuery::parse(query).expect("a query");
        assert_eq!(read(""), ReadQuery::default());
        assert_eq!(
            read("include[]=reasoning.encrypted_content&stream=false"),
            ReadQuery::default()
        );
        let after = Some(42);
        assert_eq!(read("stream=true&starting_after=42"), ReadQuery { is_streamed: true, after });
    }

    #[test]
    fn another_form_is_refused_by_name() {
        for (query, name) in [
            ("stream=yes", "stream"),
            ("stream", "stream"),
            ("stream=true&stream=true", "stream"),
            ("stream=true&starting_after=", "starting_after"),
            ("stream=true&starting_after=-1", "starting_after"),
            ("stream=true&starting_after=%31", "starting_after"),
            ("stream=true&starting_after=18446744073709551616", "starting_after"),
            ("starting_after=1", "starting_after"),
        ] {
            let refused = ReadQuery::parse(query).expect_err(query);
            assert_eq!(refused.param(), Some(name), "{query}: {refused}");
        }
    }
}
