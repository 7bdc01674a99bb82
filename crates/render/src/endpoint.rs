//! Usage of a serving team.

use harmonic_layout::{Width, beside, unbroken};

/// The agent for examples: the coder, else the first.
pub(crate) fn example_agent<'a>(
    mut agents: impl Iterator<Item = &'a str> + Clone,
) -> Option<&'a str> {
    agents.clone().find(|name| *name == "coder").or_else(|| agents.next())
}

/// A serving team, as its user must know it.
#[derive(Clone, Copy, Debug)]
pub struct Endpoint<'a> {
    /// Base URL.
    pub url: &'a str,
    /// Agents, in the order of the stack.
    pub agents: &'a [&'a str],
    /// Whether requests need an API key.
    pub needs_key: bool,
    /// Option that names the team in further commands, with a leading space, or empty.
    pub option: &'a str,
}

impl Endpoint<'_> {
    /// Address, agents, example requests from a shell and a program, and `endings`: lines that tell
    /// how to stop the team.
    pub fn text(&self, endings: &[String], width: Width) -> String {
        let Self { url, agents, needs_key, option } = *self;
        let agent = example_agent(agents.iter().copied()).unwrap_or("AGENT");
        let (keys, shown, sent, given) = if needs_key {
            (
                "with an API key",
                "  export HARMONIC_API_KEY=hs-…\n",
                " \\\n    -H \"Authorization: Bearer $HARMONIC_API_KEY\"",
                "\"hs-…\"",
            )
        } else {
            ("any key", "", "", "\"none\"")
        };
        let serving =
            format!("serving at {url} (OpenAI API: {url}/v1, {keys}); each agent is a model:");
        let serving = beside("", "", &serving, width).join("\n");
        let all = beside("  ", "  ", &agents.join(", "), width).join("\n");
        let endings = endings.iter().map(|ending| {
            // A command is copied as a whole.
            let parts = ending.split('`').enumerate();
            let parts =
                parts.map(|(at, part)| if at % 2 == 1 { unbroken(part) } else { part.into() });
            let ending = parts.collect::<Vec<String>>().join("`");
            beside("", "  ", &ending, width).join("\n")
        });
        let endings = endings.collect::<Vec<_>>().join("\n");
        format!(
            r#"
{serving}
{all}

{shown}  harmonic chat {agent}{option}

  curl -N {url}/v1/chat/completions{sent} \
    -H 'Content-Type: application/json' \
    -d '{{"model": "{agent}", "stream": true,
         "messages": [{{"role": "user", "content": "Hello"}}]}}'

  from openai import OpenAI
  client = OpenAI(base_url="{url}/v1",
                  api_key={given})
  answer = client.chat.completions.create(
      model="{agent}",
      messages=[{{"role": "user", "content": "Hello"}}])
  print(answer.choices[0].message.content)

{endings}"#
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AGENTS: [&str; 7] = [
        "executive",
        "operator",
        "technical_director",
        "research_director",
        "creative_director",
        "coder",
        "analyst",
    ];

    #[test]
    fn commands_name_the_port_and_lines_fit() {
        let team = |option| Endpoint {
            url: "http://127.0.0.1:50000",
            agents: &AGENTS,
            needs_key: true,
            option,
        };
        let endings = ["Ctrl-C stops it; so does `harmonic down --port 50000`, which waits for \
                        running answers."
            .to_owned()];
        let shown = team(" --port 50000").text(&endings, Width::of_terminal(80));
        assert!(shown.lines().all(|line| line.chars().count() <= 80), "{shown}");
        assert!(shown.contains("\n  harmonic chat coder --port 50000\n"), "{shown}");
        assert!(shown.contains("`harmonic down --port 50000`"), "{shown}");
        assert!(team("").text(&[], Width::of_terminal(80)).contains("\n  harmonic chat coder\n"));
    }
}
