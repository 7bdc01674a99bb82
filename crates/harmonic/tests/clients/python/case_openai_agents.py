"""openai-agents: a required tool together with an output format, in both of OpenAI's dialects."""

import openai
from agents import (
    Agent,
    ModelSettings,
    OpenAIChatCompletionsModel,
    OpenAIResponsesModel,
    Runner,
    function_tool,
    set_tracing_disabled,
)

from day import AGENT, OPENAI, Day

set_tracing_disabled(True)
called = []


@function_tool
def today(zone: str) -> str:
    """Tells which day it is.

    Args:
        zone: a time zone.
    """
    called.append(zone)
    return "Monday"


client = openai.AsyncOpenAI(base_url=OPENAI, api_key="any", max_retries=0)
for kind in (OpenAIResponsesModel, OpenAIChatCompletionsModel):
    called.clear()
    settings = ModelSettings(tool_choice="required", temperature=0, max_tokens=100)
    agent = Agent(
        name="calendar",
        instructions="Answer with a day.",
        model=kind(model=AGENT, openai_client=client),
        tools=[today],
        output_type=Day,
        model_settings=settings,
    )
    result = Runner.run_sync(agent, "Which day is it?")
    assert called, kind
    assert isinstance(result.final_output, Day), result.final_output
