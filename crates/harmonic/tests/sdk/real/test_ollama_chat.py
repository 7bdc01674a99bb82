"""`Client.chat` and `Client.generate` of the `ollama` package."""

import asyncio
import json

import ollama
import pytest

from conftest import PATIENCE_S
from server import AT_ONCE, CONTEXT, URL, wait_until_idle
from words import CITY, EARLIER, NEXT, TEAM, WEATHER, Day, function, holds, user, weather_in

SAME = {"temperature": 0, "seed": 1, "num_predict": 12}


def ask(client, messages=None, options=None, **others):
    others = {"model": "analyst", **others}
    return client.chat(messages=messages or user(), options={**SAME, **(options or {})}, **others)


def test_a_chat(ollama_client):
    answer = ask(ollama_client)
    assert answer.model == "analyst" and answer.done
    assert answer.message.role == "assistant" and answer.message.content.strip()
    assert answer.done_reason in ("stop", "length")
    assert 0 < answer.eval_count <= 12 < answer.prompt_eval_count
    assert answer.total_duration >= answer.eval_duration > 0


def test_a_chat_in_lines(ollama_client):
    *lines, last = ask(ollama_client, stream=True)
    assert len(lines) > 2 and not any(line.done for line in lines) and last.done
    whole = ask(ollama_client)
    assert "".join(line.message.content for line in [*lines, last]) == whole.message.content
    assert (last.done_reason, last.eval_count) == (whole.done_reason, whole.eval_count)
    assert last.prompt_eval_count == whole.prompt_eval_count


def test_a_conversation(ollama_client):
    first = ask(ollama_client)
    turns = [{"role": "system", "content": "Be brief."}, *user(), first.message, *user("And?")]
    second = ask(ollama_client, turns)
    assert second.message.content.strip()
    assert second.prompt_eval_count > first.prompt_eval_count + first.eval_count


def test_a_name_with_a_tag(ollama_client):
    answer = ask(ollama_client, model="analyst:latest")
    assert answer.message.content == ask(ollama_client).message.content


def test_options(ollama_client):
    full = ask(ollama_client).message.content
    stop = full[len(full) // 2 :][:3]
    stopped = ask(ollama_client, options={"stop": [stop]})
    assert stopped.message.content == full[: full.index(stop)]
    assert stopped.done_reason == "stop"
    drawn = {"temperature": 1, "top_k": 20, "seed": 42}
    once, again = (ask(ollama_client, options=drawn).message.content for _ in range(2))
    assert once == again


def test_logprobs(ollama_client):
    answer = ask(ollama_client, logprobs=True, top_logprobs=2)
    assert "".join(token.token for token in answer.logprobs) == answer.message.content
    for token in answer.logprobs:
        assert token.token == token.top_logprobs[0].token and token.logprob <= 0


def test_no_thinking(ollama_client):
    answer = ask(ollama_client, think=False)
    assert answer.message.content.strip() and not answer.message.thinking


def test_a_chat_under_a_schema(ollama_client):
    for heat in (0, 1.5):
        options = {"num_predict": 120, "temperature": heat}
        answer = ask(ollama_client, format=TEAM, options=options)
        assert answer.done_reason == "stop"
        assert holds(TEAM, json.loads(answer.message.content))


def test_a_class_is_filled_in(ollama_client):
    lines = ask(
        ollama_client,
        user("Monday?"),
        format=Day.model_json_schema(),
        options={"num_predict": 60},
        stream=True,
    )
    Day.model_validate_json("".join(line.message.content for line in lines))


def test_some_json(ollama_client):
    answer = ask(ollama_client, format="json", options={"num_predict": 60})
    assert answer.message.content.lstrip()[0] in '{["'
    # A small model may not stop; finished answers are complete.
    if answer.done_reason == "stop":
        json.loads(answer.message.content)


def test_tools_that_are_offered_are_in_the_prompt(ollama_client):
    def visit(city: str) -> str:
        """Says what to see.

        Args:
            city: Where.
        """
        return city

    without = ask(ollama_client)
    described = ask(ollama_client, tools=[function("visit", CITY)])
    taken_from_a_function = ask(ollama_client, tools=[visit])
    for offered in (described, taken_from_a_function):
        assert offered.prompt_eval_count > without.prompt_eval_count + 50


def test_a_call_that_the_model_makes_by_itself(ollama_client):
    messages = []
    for place in EARLIER:
        call = {"function": {"name": "weather", "arguments": place}}
        messages += user(weather_in(place))
        messages.append({"role": "assistant", "tool_calls": [call]})
        messages.append({"role": "tool", "tool_name": "weather", "content": "Sun."})
        messages.append({"role": "assistant", "content": "There will be sun."})
    messages += user(weather_in(NEXT))
    asked = {"tools": [function("weather", WEATHER)], "options": {"num_predict": 60}}
    whole = ask(ollama_client, messages, **asked).message
    lines = list(ask(ollama_client, messages, stream=True, **asked))
    in_lines = [call for line in lines for call in line.message.tool_calls or []]
    for calls in (whole.tool_calls, in_lines):
        [call] = calls
        assert call.function.name == "weather" and call.function.arguments == NEXT
    assert not whole.content and not any(line.message.content for line in lines)


def generate(client, **others):
    others = {"model": "coder", "prompt": "A poem:", "options": SAME, **others}
    return client.generate(**others)


def test_generate(ollama_client):
    whole = generate(ollama_client)
    assert whole.response.strip() and whole.done and 0 < whole.eval_count <= 12
    *lines, last = generate(ollama_client, stream=True)
    assert "".join(line.response for line in [*lines, last]) == whole.response
    assert last.eval_count == whole.eval_count
    instructed = generate(ollama_client, system="Write of the sea, in short lines.")
    assert instructed.prompt_eval_count > whole.prompt_eval_count


def test_generate_without_a_template(ollama_client):
    raw = generate(ollama_client, raw=True)
    assert raw.prompt_eval_count < 6 < generate(ollama_client).prompt_eval_count


def test_generate_under_a_schema(ollama_client):
    options = {**SAME, "num_predict": 60}
    answer = generate(ollama_client, format=WEATHER, options=options)
    assert holds(WEATHER, json.loads(answer.response))


def test_an_unknown_model(ollama_client):
    for stream in (False, True):
        with pytest.raises(ollama.ResponseError) as raised:
            list(ask(ollama_client, model="plumber", stream=stream))
        assert raised.value.status_code == 404 and "plumber" in raised.value.error


@pytest.mark.parametrize(
    "wrong",
    [
        {"options": {"stop": [""]}},
        {"options": {"top_p": 2.0}},
        {"options": {"temperature": -1.0}},
        {"format": {"type": "no such type"}},
        {"format": {"$ref": "#/nowhere"}},
        {"messages": [{"role": "wizard", "content": "hi"}]},
        {"messages": [{"role": "user", "content": "hi", "images": ["AAAA"]}]},
        {"tools": [function("weather", WEATHER)] * 2},
    ],
    ids=str,
)
def test_a_wrong_field(ollama_client, wrong):
    with pytest.raises(ollama.ResponseError) as raised:
        ask(ollama_client, **wrong)
    assert raised.value.status_code == 400 and raised.value.error


def test_a_prompt_that_does_not_fit(ollama_client):
    with pytest.raises(ollama.ResponseError) as raised:
        ask(ollama_client, user("word " * 2 * CONTEXT))
    assert raised.value.status_code == 400 and str(CONTEXT) in raised.value.error


def test_many_at_once():
    async def one(client, agent, number):
        asked = {"model": agent, "messages": user(f"What is {number} + 1?"), "options": SAME}
        if number % 2:
            answer = await client.chat(**asked)
            return answer.model, bool(answer.message.content)
        said, last = "", None
        async for last in await client.chat(**asked, stream=True):
            said += last.message.content
        return last.model, last.done and bool(said)

    async def all_of_them():
        async with ollama.AsyncClient(URL, timeout=PATIENCE_S) as client:
            asking = [one(client, agent, number) for number, agent in enumerate(AT_ONCE)]
            return await asyncio.gather(*asking)

    assert asyncio.run(all_of_them()) == [(agent, True) for agent in AT_ONCE]
    wait_until_idle()
