"""500 clients that disconnect at random moments, in three dialects: no slot is lost, and the next
100 answers are as before."""

import asyncio
import random
import time

import openai
import pytest

from alike import check_alike, said
from conftest import PATIENCE_S
from leaving import all_go_away
from server import AGENTS, FREE_WITHIN_S, URL, engines, wait_until_idle
from words import user

CANCELLED = 500
# More than the starter stack has in flight on any test machine, so that some wait.
AT_ONCE = 50
ANSWERS = 100
SEED = 20

QUESTIONS = [(agent, f"What is {number} + {number}?") for number, agent in enumerate(AGENTS * 3)]


def answer(client, agent, question):
    asked = client.chat.completions.create(
        model=agent,
        messages=user(question),
        max_tokens=6,
        temperature=0,
        logprobs=True,
        top_logprobs=2,
    )
    assert asked.model == agent
    return said(asked.choices[0])


@pytest.fixture(scope="module")
def before(openai_client):
    """Answers without other clients."""
    return [answer(openai_client, *question) for question in QUESTIONS]


@pytest.fixture(scope="module")
def cancelled(before):
    """State after the disconnects; returns what the clients had read."""
    chances = [random.Random(SEED * CANCELLED + number) for number in range(CANCELLED)]
    return asyncio.run(all_go_away(chances, AT_ONCE))


def test_no_slot_is_lost(cancelled):
    assert len(cancelled) == CANCELLED
    answering = sum(pieces > 0 for pieces in cancelled)
    assert answering > CANCELLED // 10, "too few disconnected in the middle of an answer"
    wait_until_idle()
    asyncio.run(take_every_slot())
    wait_until_idle()


async def take_every_slot():
    """Waits until as many answers run as the engine has sequences."""
    [engine] = engines()
    async with openai.AsyncOpenAI(
        base_url=f"{URL}/v1", api_key="any", timeout=PATIENCE_S, max_retries=0
    ) as client:
        asking = [
            asyncio.create_task(
                client.chat.completions.create(
                    model=AGENTS[number % len(AGENTS)],
                    messages=user("Count."),
                    max_tokens=1000,
                    extra_body={"ignore_eos": True},
                )
            )
            for number in range(engine["sequences"])
        ]
        until = time.monotonic() + FREE_WITHIN_S
        while (now := await asyncio.to_thread(engines))[0]["in_flight"] < engine["sequences"]:
            assert time.monotonic() < until, f"slots are missing: {now}"
            assert not any(task.done() for task in asking), f"ended too early: {now}"
            await asyncio.sleep(0.05)
        for task in asking:
            task.cancel()
        await asyncio.gather(*asking, return_exceptions=True)


def test_the_next_answers_are_right(cancelled, before, openai_client):
    same = 0
    for number in range(ANSWERS):
        place = number % len(QUESTIONS)
        same += check_alike(before[place], answer(openai_client, *QUESTIONS[place]))
    assert same > ANSWERS // 2, "near ties are rare"
