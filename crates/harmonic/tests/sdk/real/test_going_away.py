"""Clients that go away: their slots are free again, and nobody else's answer changes."""

import asyncio
import json
import random
import urllib.parse

import openai
import pytest

from server import AGENTS, URL, wait_until_idle
from words import user

# Long past the moment at which the client goes.
ENDLESS = {"max_tokens": 1500, "extra_body": {"ignore_eos": True}}


def test_an_openai_stream_that_is_closed(openai_client):
    for _ in range(3):
        with openai_client.chat.completions.create(
            model="coder", messages=user(), stream=True, **ENDLESS
        ) as stream:
            next(stream)
            next(stream)
        wait_until_idle()


def test_a_client_that_loses_patience(openai_client):
    with pytest.raises(openai.APITimeoutError):
        openai_client.chat.completions.create(
            model="coder", messages=user(), timeout=0.2, **ENDLESS
        )
    wait_until_idle()


CANCELLED = 500
# More than the starter stack has in flight on any machine that tests run on, so that some wait.
AT_ONCE = 50
ANSWERS = 100
SEED = 20

ASKED = [(agent, f"What is {number} + {number}?") for number, agent in enumerate(AGENTS * 3)]


def right_answers(client):
    """What is said when nobody else is there: the same every time."""
    return [
        client.chat.completions.create(
            model=agent, messages=user(text), max_tokens=8, temperature=0
        )
        .choices[0]
        .message.content
        for agent, text in ASKED
    ]


PATH = "/v1/chat/completions"


async def go_away(chance):
    """Asks, and goes away at a moment that `chance` decides."""
    agent, streamed = chance.choice(AGENTS), chance.random() < 0.7
    moment = chance.choice(["in the body", "at once", "after a while", "in the answer"])
    ask = {"model": agent, "messages": user("Count."), "max_tokens": 300, "ignore_eos": True}
    body = json.dumps({**ask, "stream": streamed}).encode()
    head = f"POST {PATH} HTTP/1.1\r\nhost: x\r\ncontent-length: {len(body)}\r\n\r\n".encode()
    where = urllib.parse.urlsplit(URL)
    reader, writer = await asyncio.open_connection(where.hostname, where.port)
    try:
        sent = head + body
        if moment == "in the body":
            sent = sent[: chance.randrange(1, len(sent))]
        writer.write(sent)
        await writer.drain()
        if moment == "after a while":
            await asyncio.sleep(chance.uniform(0, 0.5))
        elif moment == "in the answer" and streamed:
            for _ in range(chance.randrange(1, 12)):
                await reader.readline()
    finally:
        # Half of the world closes, the other half is cut off.
        if chance.random() < 0.5:
            writer.transport.abort()
        else:
            writer.close()


async def go_away_all():
    doors = asyncio.Semaphore(AT_ONCE)

    async def one(number):
        async with doors:
            await go_away(random.Random(SEED * CANCELLED + number))

    await asyncio.gather(*(one(number) for number in range(CANCELLED)))


def test_500_requests_that_are_cancelled_at_random_moments(openai_client):
    before = right_answers(openai_client)
    asyncio.run(go_away_all())
    wait_until_idle()
    for _ in range(-(-ANSWERS // len(ASKED))):
        assert right_answers(openai_client) == before
