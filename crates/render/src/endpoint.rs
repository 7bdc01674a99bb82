//! Usage of a serving team.

/// Address, agents, and example requests from a shell and a program. `needs_key` is whether
/// requests need an API key; `ending` tells how to stop the team.
pub fn text(url: &str, agents: &[&str], needs_key: bool, ending: &str) -> String {
    let agent = agents.iter().find(|name| **name == "coder").or(agents.first()).unwrap_or(&"");
    let all = agents.join(", ");
    let (keys, shown, sent, given) = if needs_key {
        (
            "with an API key",
            "  export HARMONIC_API_KEY=hs-…\n",
            "    -H \"Authorization: Bearer $HARMONIC_API_KEY\" \\\n",
            "\"hs-…\"",
        )
    } else {
        ("any key", "", "", "\"none\"")
    };
    format!(
        r#"
serving at {url} (OpenAI API: {url}/v1, {keys}); each agent is a model:
  {all}

{shown}  harmonic chat {agent}

  curl -N {url}/v1/chat/completions \
    -H 'Content-Type: application/json' \
{sent}    -d '{{"model": "{agent}", "stream": true,
    "messages": [{{"role": "user", "content": "Hello"}}]}}'

  from openai import OpenAI
  client = OpenAI(base_url="{url}/v1",
                  api_key={given})
  answer = client.chat.completions.create(
      model="{agent}",
      messages=[{{"role": "user", "content": "Hello"}}])
  print(answer.choices[0].message.content)

{ending}"#
    )
}
