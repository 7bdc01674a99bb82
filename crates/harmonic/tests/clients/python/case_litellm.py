"""litellm with each of the three dialects."""

import os

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"

import litellm

from day import AGENT, OPENAI, URL, Day

QUESTION = [{"role": "user", "content": "Which day is it?"}]
TOOLS = [
    {
        "type": "function",
        "function": {
            "name": "today",
            "description": "Tells which day it is.",
            "parameters": {
                "type": "object",
                "properties": {"zone": {"type": "string"}},
                "required": ["zone"],
            },
        },
    }
]
PLACES = {
    "openai/": {"api_base": OPENAI, "api_key": "any"},
    "ollama_chat/": {"api_base": URL},
    "anthropic/": {"api_base": URL, "api_key": "any"},
}
for kind, place in PLACES.items():
    ask = {"model": kind + AGENT, "messages": QUESTION, "max_tokens": 60, "num_retries": 0, **place}
    said = litellm.completion(**ask)
    assert said.choices[0].message.content and said.usage.completion_tokens > 0, (kind, said)
    pieces = litellm.completion(**ask, stream=True)
    text = "".join(piece.choices[0].delta.content or "" for piece in pieces)
    assert text.strip(), (kind, text)
    # Ollama's dialect cannot require a tool, and litellm converts Anthropic's output format to one.
    if kind != "ollama_chat/":
        called = litellm.completion(**ask, tools=TOOLS, tool_choice="required")
        assert called.choices[0].message.tool_calls[0].function.name == "today", (kind, called)
    formed = litellm.completion(**ask, response_format=Day)
    Day.model_validate_json(formed.choices[0].message.content)
