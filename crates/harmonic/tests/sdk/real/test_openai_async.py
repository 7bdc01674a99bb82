"""The asynchronous client of the `openai` package: concurrent requests, streamed and complete."""

import asyncio

import openai

from conftest import PATIENCE_S
from server import AT_ONCE, URL, wait_until_idle
from words import user


async def ask(client, agent, number):
    """Model name and finish reason."""
    asked = {"model": agent, "messages": user(f"What is {number} + 1?"), "max_tokens": 8}
    if number % 2:
        answer = await client.chat.completions.create(**asked)
        return answer.model, answer.choices[0].finish_reason
    model, reason = None, None
    async for chunk in await client.chat.completions.create(**asked, stream=True):
        model = chunk.model
        reason = chunk.choices[0].finish_reason or reason
    return model, reason


def test_many_at_once():
    async def all_of_them():
        async with openai.AsyncOpenAI(
            base_url=f"{URL}/v1", api_key="any", timeout=PATIENCE_S, max_retries=0
        ) as client:
            asked = [ask(client, agent, number) for number, agent in enumerate(AT_ONCE)]
            return await asyncio.gather(*asked)

    answers = asyncio.run(all_of_them())
    assert [model for model, _ in answers] == AT_ONCE
    assert all(reason in ("stop", "length") for _, reason in answers)
    wait_until_idle()
