"""Tools, with `openai`: calls constrained by a grammar, their results, and streamed calls."""

import json

import openai
import pytest

from words import (
    CITY,
    EARLIER,
    NEXT,
    SAME,
    WEATHER,
    Forecast,
    function,
    holds,
    reasons_of,
    text_of,
    user,
    weather_in,
)

TOOLS = [function("weather", WEATHER), function("visit", CITY)]


def ask(client, messages=None, **options):
    options = {"model": "coder", "max_tokens": 80, "tools": TOOLS, **SAME, **options}
    messages = messages or user("How is the weather in Rome for 3 days?")
    return client.chat.completions.create(messages=messages, **options)


def named(name):
    return {"type": "function", "function": {"name": name}}


def called(choice):
    """The only call of an answer without text."""
    assert choice.finish_reason == "tool_calls" and not choice.message.content
    [call] = choice.message.tool_calls
    assert call.type == "function" and call.id
    return call.function.name, json.loads(call.function.arguments)


def test_a_call_that_is_required(openai_client):
    name, arguments = called(ask(openai_client, tool_choice="required").choices[0])
    assert holds({"weather": WEATHER, "visit": CITY}[name], arguments)


@pytest.mark.parametrize(("name", "schema"), [("weather", WEATHER), ("visit", CITY)])
def test_the_call_of_a_named_tool(openai_client, name, schema):
    for seed in range(2):
        answer = ask(openai_client, tool_choice=named(name), temperature=1.5, seed=seed)
        got, arguments = called(answer.choices[0])
        assert got == name and holds(schema, arguments)


def test_a_call_in_pieces(openai_client):
    whole = ask(openai_client, tool_choice=named("weather")).choices[0].message.tool_calls[0]
    chunks = list(ask(openai_client, tool_choice=named("weather"), stream=True))
    choices = [choice for chunk in chunks for choice in chunk.choices]
    first, *pieces = [call for choice in choices for call in choice.delta.tool_calls or []]
    assert (first.index, first.type, first.function.name) == (0, "function", "weather")
    assert first.id and first.function.arguments == ""
    assert len(pieces) > 1 and all(piece.index == 0 and piece.id is None for piece in pieces)
    assert "".join(piece.function.arguments for piece in pieces) == whole.function.arguments
    assert not any(choice.delta.content for choice in choices)
    assert [c.finish_reason for c in choices if c.finish_reason] == ["tool_calls"]


def test_several_answers_have_calls_of_their_own(openai_client):
    answer = ask(openai_client, tool_choice=named("visit"), n=2, temperature=1.5)
    assert [choice.index for choice in answer.choices] == [0, 1]
    assert all(holds(CITY, called(choice)[1]) for choice in answer.choices)
    ids = {choice.message.tool_calls[0].id for choice in answer.choices}
    assert len(ids) == 2


def test_tools_that_are_offered_are_in_the_prompt(openai_client):
    """A small model rarely calls a tool by itself, but the tools must be in its prompt."""
    without = ask(openai_client, tools=openai.omit, max_tokens=4)
    offered = ask(openai_client, max_tokens=4)
    auto = ask(openai_client, tool_choice="auto", max_tokens=4)
    assert offered.usage.prompt_tokens > without.usage.prompt_tokens + 50
    assert auto.usage.prompt_tokens == offered.usage.prompt_tokens
    assert auto.choices[0].message == offered.choices[0].message


def earlier_calls():
    messages = []
    for number, place in enumerate(EARLIER):
        made = {"name": "weather", "arguments": json.dumps(place)}
        call = {"id": f"call_{number}", "type": "function", "function": made}
        messages += user(weather_in(place))
        messages.append({"role": "assistant", "content": None, "tool_calls": [call]})
        messages.append({"role": "tool", "tool_call_id": call["id"], "content": "Sun."})
        messages.append({"role": "assistant", "content": "There will be sun."})
    return messages + user(weather_in(NEXT))


def test_a_call_that_the_model_makes_by_itself(openai_client):
    answer = ask(openai_client, earlier_calls())
    assert called(answer.choices[0]) == ("weather", NEXT)
    chunks = list(ask(openai_client, earlier_calls(), stream=True))
    calls = [call for c in chunks for call in c.choices[0].delta.tool_calls or []]
    assert json.loads("".join(call.function.arguments for call in calls)) == NEXT
    assert not text_of(chunks) and reasons_of(chunks) == ["tool_calls"]


def test_tools_that_must_not_be_called(openai_client):
    choice = ask(openai_client, tool_choice="none", max_tokens=12).choices[0]
    assert choice.message.content.strip() and choice.message.tool_calls is None
    assert choice.finish_reason in ("stop", "length")


def test_the_result_of_a_call_is_read(openai_client):
    messages = user("How is the weather in Rome for 3 days?")
    message = ask(openai_client, messages, tool_choice=named("weather")).choices[0].message
    messages.append(message.model_dump(exclude_none=True))
    read = []
    for result in ("Rain.", "Rain on the first day, sun on the second, snow on the last."):
        told = {"role": "tool", "tool_call_id": message.tool_calls[0].id, "content": result}
        answer = ask(openai_client, [*messages, told], tool_choice="none", max_tokens=8)
        assert answer.choices[0].message.content.strip()
        read.append(answer.usage.prompt_tokens)
    assert read[0] + 8 < read[1], "the longer result is the longer prompt"


def test_a_class_takes_the_arguments(openai_client):
    completion = openai_client.chat.completions.parse(
        model="coder",
        messages=user("Rome, 3 days"),
        tools=[openai.pydantic_function_tool(Forecast, name="forecast")],
        tool_choice="required",
        max_tokens=80,
        **SAME,
    )
    [call] = completion.choices[0].message.tool_calls
    assert call.function.name == "forecast"
    assert isinstance(call.function.parsed_arguments, Forecast)


def test_the_stream_helper_gathers_the_arguments(openai_client):
    with openai_client.chat.completions.stream(
        model="coder",
        messages=user("Rome, 3 days"),
        tools=[openai.pydantic_function_tool(Forecast, name="forecast")],
        tool_choice=named("forecast"),
        max_tokens=80,
        **SAME,
    ) as stream:
        kinds = {event.type for event in stream}
        [call] = stream.get_final_completion().choices[0].message.tool_calls
    assert {"tool_calls.function.arguments.delta", "tool_calls.function.arguments.done"} <= kinds
    assert isinstance(call.function.parsed_arguments, Forecast)


@pytest.mark.parametrize(
    "wrong",
    [
        {"tool_choice": named("hammer")},
        {"tool_choice": "always"},
        {"tool_choice": "required", "tools": []},
        {"tools": [function("weather", WEATHER)] * 2},
        {"tools": [function("no spaces", WEATHER)]},
        {"tools": [function("weather", {"type": "no such type"})], "tool_choice": "required"},
        {"tools": [{"type": "web_search"}]},
        {"tools": "weather"},
    ],
    ids=str,
)
def test_tools_that_cannot_be(openai_client, wrong):
    with pytest.raises(openai.BadRequestError) as raised:
        ask(openai_client, extra_body=wrong)
    assert "tool" in raised.value.message
