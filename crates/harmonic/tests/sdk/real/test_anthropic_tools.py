"""Tools, with `anthropic`: `tool_use` blocks and their results."""

import json

import anthropic
import pytest

from words import CITY, EARLIER, NEXT, WEATHER, holds, user, weather_in


def tool(name, schema):
    return {"name": name, "description": f"Says the {name}.", "input_schema": schema}


TOOLS = [tool("weather", WEATHER), tool("visit", CITY)]


def asked(messages=None, **options):
    return {
        "model": "operator",
        "max_tokens": 80,
        "messages": messages or user("How is the weather in Rome for 3 days?"),
        "tools": TOOLS,
        "extra_body": {"temperature": 0},
        **options,
    }


def ask(client, messages=None, **options):
    return client.messages.create(**asked(messages, **options))


def used(message):
    """The only tool call of a message without text."""
    assert message.stop_reason == "tool_use"
    [block] = message.content
    assert block.type == "tool_use" and block.id
    return block.name, block.input


def test_some_tool(anthropic_client):
    name, given = used(ask(anthropic_client, tool_choice={"type": "any"}))
    assert holds({"weather": WEATHER, "visit": CITY}[name], given)


def test_a_named_tool(anthropic_client):
    choice = {"type": "tool", "name": "visit"}
    hot = {"extra_body": {"temperature": 1.5}}
    name, given = used(ask(anthropic_client, tool_choice=choice, **hot))
    assert name == "visit" and holds(CITY, given)


def test_a_tool_in_pieces(anthropic_client):
    choice = {"type": "tool", "name": "weather"}
    _, given = used(ask(anthropic_client, tool_choice=choice))
    with anthropic_client.messages.stream(**asked(tool_choice=choice)) as stream:
        events = list(stream)
        final = stream.get_final_message()
    pieces = [event.partial_json for event in events if event.type == "input_json"]
    assert len(pieces) > 1 and json.loads("".join(pieces)) == given
    assert used(final) == ("weather", given)


def test_a_tool_that_the_model_uses_by_itself(anthropic_client):
    messages = []
    for number, place in enumerate(EARLIER):
        use = {"type": "tool_use", "id": f"use_{number}", "name": "weather", "input": place}
        result = {"type": "tool_result", "tool_use_id": use["id"], "content": "Sun."}
        messages += user(weather_in(place))
        messages.append({"role": "assistant", "content": [use]})
        messages.append({"role": "user", "content": [result]})
        messages.append({"role": "assistant", "content": "There will be sun."})
    assert used(ask(anthropic_client, messages + user(weather_in(NEXT)))) == ("weather", NEXT)


def test_the_result_of_a_tool_is_read(anthropic_client):
    message = ask(anthropic_client, tool_choice={"type": "any"})
    read = []
    for said in ("Rain.", "Rain on the first day, sun on the second, snow on the last."):
        result = {"type": "tool_result", "tool_use_id": message.content[0].id, "content": said}
        turns = [
            *user("How is the weather in Rome for 3 days?"),
            {"role": "assistant", "content": message.content},
            {"role": "user", "content": [result]},
        ]
        answer = ask(anthropic_client, turns, tool_choice={"type": "none"}, max_tokens=8)
        assert answer.content[0].text.strip()
        read.append(answer.usage.input_tokens + answer.usage.cache_read_input_tokens)
    assert read[0] + 8 < read[1], "the longer result is the longer prompt"


def test_tools_count(anthropic_client):
    count = anthropic_client.messages.count_tokens
    asking = {"model": "operator", "messages": user()}
    with_tools = count(**asking, tools=TOOLS).input_tokens
    assert with_tools > count(**asking).input_tokens + 50
    usage = ask(anthropic_client, user(), max_tokens=1).usage
    assert with_tools == usage.input_tokens + usage.cache_read_input_tokens


@pytest.mark.parametrize(
    "wrong",
    [
        {"tool_choice": {"type": "tool", "name": "hammer"}},
        {"tool_choice": {"type": "always"}},
        {"tool_choice": {"type": "any"}, "tools": []},
        {"tools": [tool("weather", WEATHER)] * 2},
        {"tools": [{"type": "bash_20250124", "name": "bash"}]},
        {"tools": [{"name": "weather", "input_schema": 7}]},
    ],
    ids=str,
)
def test_tools_that_cannot_be(anthropic_client, wrong):
    with pytest.raises(anthropic.BadRequestError) as raised:
        ask(anthropic_client, extra_body=wrong)
    assert "tool" in raised.value.body["error"]["message"]
