"""Disconnecting clients: their slots are freed, and other answers do not change.

What happens to 500 of them at once is in `test_cancelled.py`.
"""

import asyncio

import anthropic
import openai
import pytest

from conftest import PATIENCE_S
from server import URL, wait_until_idle
from words import user

# Long after the client has disconnected.
LONG = 1500
ENDLESS = {"max_tokens": LONG, "extra_body": {"ignore_eos": True}}
STORY = user("Tell me a long story.")


def test_an_openai_stream_that_is_closed(openai_client):
    for _ in range(3):
        with openai_client.chat.completions.create(
            model="coder", messages=user(), stream=True, **ENDLESS
        ) as stream:
            next(stream)
            next(stream)
        wait_until_idle()


def test_responses_and_completions_that_are_closed(openai_client):
    with openai_client.responses.create(
        model="coder", input="Hello", max_output_tokens=LONG, stream=True
    ) as stream:
        assert next(stream).type == "response.created"
    wait_until_idle()
    with openai_client.completions.create(
        model="coder", prompt="Hello", stream=True, **ENDLESS
    ) as stream:
        assert next(stream).choices[0].index == 0
    wait_until_idle()


def test_an_anthropic_stream_that_is_closed(anthropic_client):
    with anthropic_client.messages.stream(
        model="coder", messages=STORY, max_tokens=LONG
    ) as stream:
        assert next(stream.text_stream)
    wait_until_idle()


def test_an_ollama_stream_that_is_closed(ollama_client):
    stream = ollama_client.chat("coder", STORY, stream=True, options={"num_predict": LONG})
    assert next(stream).message.content
    stream.close()
    wait_until_idle()


def test_a_client_that_loses_patience(openai_client, anthropic_client):
    with pytest.raises(openai.APITimeoutError):
        openai_client.chat.completions.create(
            model="coder", messages=user(), timeout=0.2, **ENDLESS
        )
    wait_until_idle()
    with pytest.raises(anthropic.APITimeoutError):
        anthropic_client.messages.create(
            model="coder", messages=STORY, max_tokens=LONG, timeout=0.2
        )
    wait_until_idle()


def test_a_task_that_is_cancelled():
    async def ask_and_cancel():
        async with openai.AsyncOpenAI(
            base_url=f"{URL}/v1", api_key="any", timeout=PATIENCE_S, max_retries=0
        ) as client:
            asked = client.chat.completions.create(model="coder", messages=user(), **ENDLESS)
            task = asyncio.create_task(asked)
            await asyncio.sleep(0.2)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

    asyncio.run(ask_and_cancel())
    wait_until_idle()
