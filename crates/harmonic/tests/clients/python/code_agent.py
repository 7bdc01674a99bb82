"""smolagents' CodeAgent, asked once: its first request, and what it answers when no step is left."""

import os
import sys

from smolagents import CodeAgent, OpenAIModel

model = OpenAIModel(
    model_id=os.environ["HARMONIC_AGENT"],
    api_base=os.environ["HARMONIC_URL"] + "/v1",
    api_key="any",
    max_tokens=100,
)
print(CodeAgent(tools=[], model=model, max_steps=1).run(sys.argv[1]))
