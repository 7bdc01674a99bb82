"""smolagents: its tool-calling agent, which requires a call at every step, and its model alone."""

from smolagents import OpenAIModel, ToolCallingAgent, tool

from day import AGENT, OPENAI


@tool
def today(zone: str) -> str:
    """Tells which day it is.

    Args:
        zone: a time zone.
    """
    return "Monday"


model = OpenAIModel(model_id=AGENT, api_base=OPENAI, api_key="any", temperature=0, max_tokens=60)
said = model.generate([{"role": "user", "content": [{"type": "text", "text": "Name a day."}]}])
assert said.content and said.token_usage.output_tokens > 0, said

# Each step has a forced call; the model chooses the tool.
agent = ToolCallingAgent(tools=[today], model=model, max_steps=2, verbosity_level=0)
agent.run("Which day is it?")
steps = [step for step in agent.memory.steps if getattr(step, "tool_calls", None)]
assert steps, agent.memory.steps
