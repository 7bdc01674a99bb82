//! What to do with a team that serves.

/// The address, the agents, and how to ask one: from a shell and from a program. `ending` says how
/// to stop it.
pub fn text(url: &str, agents: &[&str], ending: &str) -> String {
    let agent = agents.iter().find(|name| **name == "coder").or(agents.first()).unwrap_or(&"");
    let all = agents.join(", ");
    format!(
        r#"
serving at {url} (OpenAI API: {url}/v1, any key); each agent is a model:
  {all}

  harmonic chat {agent}

  curl -N {url}/v1/chat/completions -H 'Content-Type: application/json' \
    -d '{{"model":"{agent}","stream":true,"messages":[{{"role":"user","content":"Hello"}}]}}'

  from openai import OpenAI
  client = OpenAI(base_url="{url}/v1", api_key="none")
  answer = client.chat.completions.create(
      model="{agent}", messages=[{{"role": "user", "content": "Hello"}}])
  print(answer.choices[0].message.content)

{ending}"#
    )
}
