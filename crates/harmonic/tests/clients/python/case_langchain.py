"""LangChain's clients of all three dialects: complete, streamed, with a format, with a call."""

from langchain_anthropic import ChatAnthropic
from langchain_core.tools import tool
from langchain_ollama import ChatOllama
from langchain_openai import ChatOpenAI

from day import AGENT, OPENAI, URL, Day


@tool
def today(zone: str) -> str:
    """Tells which day it is in a time zone."""
    return "Monday"


models = {
    "chat": ChatOpenAI(base_url=OPENAI, api_key="any", model=AGENT, temperature=0, max_tokens=60),
    "responses": ChatOpenAI(
        base_url=OPENAI, api_key="any", model=AGENT, temperature=0, max_tokens=60,
        use_responses_api=True,
    ),
    "ollama": ChatOllama(base_url=URL, model=AGENT, temperature=0, num_predict=60),
    "anthropic": ChatAnthropic(
        base_url=URL, api_key="any", model=AGENT, max_tokens=60, model_kwargs={}
    ),
}
for name, model in models.items():
    whole = model.invoke("Name a day.")
    assert whole.text and whole.usage_metadata["output_tokens"] > 0, (name, whole)
    pieces = list(model.stream("Name a day."))
    assert "".join(piece.text for piece in pieces).strip(), (name, pieces)
    formed = model.with_structured_output(Day, method="json_schema").invoke("Which day is it?")
    assert isinstance(formed, Day), (name, formed)
    # Ollama's dialect cannot require a tool.
    if name != "ollama":
        called = model.bind_tools([today], tool_choice="any").invoke("Which day is it?")
        assert [call["name"] for call in called.tool_calls] == ["today"], (name, called)
