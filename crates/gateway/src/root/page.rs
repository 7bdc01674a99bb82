//! The page for a browser.
//!
//! Invariant: text of a stack file is escaped.

use std::fmt::Write as _;

use super::{DIALECTS, DOCUMENTS, NAME, PATHS};
use crate::model_registry::RegisteredAgent;

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;max-width:44rem;margin:2rem auto;\
                     padding:0 1rem;color-scheme:light dark}table{border-collapse:collapse}\
                     td{padding:.15rem 1.5rem .15rem 0;vertical-align:top}\
                     code{font-family:ui-monospace,monospace}";

/// What this is, its agents, and where to go.
pub(super) fn of_team(agents: &[RegisteredAgent]) -> String {
    let mut body = format!(
        "<p>A team of local LLM agents, version {}. Each agent is a model:</p>",
        env!("CARGO_PKG_VERSION")
    );
    table(&mut body, agents.iter().map(|agent| (code(&agent.name.0), escaped(&agent.role))));
    body.push_str("<h2>For clients</h2>");
    let endpoints = DIALECTS.iter().map(|endpoint| {
        (
            escaped(endpoint.name),
            format!("base URL {}, chats at {}", code(endpoint.base), code(endpoint.path)),
        )
    });
    table(&mut body, endpoints);
    body.push_str("<h2>About this server</h2>");
    let link = |path: &str| format!("<a href=\"{path}\"><code>{path}</code></a>");
    table(&mut body, PATHS.iter().map(|(path, about)| (link(path), escaped(about))));
    body.push_str("<p>In the project’s folder:</p>");
    table(&mut body, DOCUMENTS.iter().map(|(path, about)| (code(path), escaped(about))));
    page(&body)
}

/// What this is, and that it needs a key.
pub(super) fn locked() -> String {
    page(
        "<p>A team of local LLM agents. This server requires an API key, as \
         <code>authorization: Bearer KEY</code> or <code>x-api-key: KEY</code>; \
         <code>harmonic keys add NAME</code> on its machine creates one.</p>\
         <p><a href=\"/health\"><code>/health</code></a> needs none.</p>",
    )
}

fn page(body: &str) -> String {
    format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\">\
         <title>{NAME}</title><style>{STYLE}</style></head>\n\
         <body><h1>{NAME}</h1>{body}</body></html>\n"
    )
}

fn table(body: &mut String, rows: impl Iterator<Item = (String, String)>) {
    body.push_str("<table>");
    for (name, text) in rows {
        write!(body, "<tr><td>{name}</td><td>{text}</td></tr>").expect("a string");
    }
    body.push_str("</table>");
}

fn code(text: &str) -> String {
    format!("<code>{}</code>", escaped(text))
}

fn escaped(text: &str) -> String {
    text.chars().fold(String::new(), |mut out, char| {
        match char {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            char => out.push(char),
        }
        out
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_of_a_stack_file_is_no_markup() {
        assert_eq!(code("<a href='x'>&\""), "<code>&lt;a href=&#39;x&#39;&gt;&amp;&quot;</code>");
    }
}
