"""instructor: a class from forced tools and from a schema. With the Responses API it uses both at
once."""

import anthropic
import instructor
import openai

from day import AGENT, OPENAI, URL, Day

QUESTION = [{"role": "user", "content": "Which day is it?"}]
client = openai.OpenAI(base_url=OPENAI, api_key="any", max_retries=0)

for mode in ("TOOLS", "TOOLS_STRICT", "JSON_SCHEMA", "RESPONSES_TOOLS"):
    patched = instructor.from_openai(client, mode=instructor.Mode[mode])
    limit = "max_output_tokens" if mode == "RESPONSES_TOOLS" else "max_tokens"
    day = patched.create(
        model=AGENT, messages=QUESTION, response_model=Day, max_retries=0, **{limit: 100}
    )
    assert isinstance(day, Day), (mode, day)

claude = anthropic.Anthropic(base_url=URL, api_key="any", max_retries=0)
patched = instructor.from_anthropic(claude, mode=instructor.Mode.ANTHROPIC_TOOLS)
day = patched.create(
    model=AGENT, messages=QUESTION, response_model=Day, max_retries=0, max_tokens=100
)
assert isinstance(day, Day), day
