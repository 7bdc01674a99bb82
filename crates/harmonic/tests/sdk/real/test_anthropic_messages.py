"""`client.messages` of the `anthropic` package: text, its forms and its errors."""

import asyncio
import json

import anthropic
import pytest

from conftest import PATIENCE_S
from server import AGENTS, AT_ONCE, CONTEXT, URL, wait_until_idle
from words import TEAM, Day, holds, user

# Removed from the package, but sent by older versions.
MOST_LIKELY = {"temperature": 0}


def asked(messages=None, **options):
    return {
        "model": "executive",
        "max_tokens": 12,
        "messages": messages or user(),
        "extra_body": MOST_LIKELY,
        **options,
    }


def ask(client, messages=None, **options):
    return client.messages.create(**asked(messages, **options))


def read(usage):
    """Prompt length: computed and cached tokens."""
    return usage.input_tokens + (usage.cache_read_input_tokens or 0)


def test_a_message(anthropic_client):
    message = ask(anthropic_client)
    assert message.type == "message" and message.role == "assistant"
    assert message.id.startswith("msg_") and message.model == "executive"
    [block] = message.content
    assert block.type == "text" and block.text.strip()
    assert message.stop_reason in ("end_turn", "max_tokens")
    assert 0 < message.usage.output_tokens <= 12 < read(message.usage)


def test_every_agent_answers(anthropic_client):
    for agent in AGENTS:
        assert ask(anthropic_client, model=agent, max_tokens=2).model == agent


def test_a_message_in_events(anthropic_client):
    whole = ask(anthropic_client)
    with ask(anthropic_client, stream=True) as stream:
        events = list(stream)
    kinds = [event.type for event in events if event.type not in ("content_block_delta", "ping")]
    assert kinds == [
        "message_start",
        "content_block_start",
        "content_block_stop",
        "message_delta",
        "message_stop",
    ]
    deltas = [e.delta.text for e in events if e.type == "content_block_delta"]
    assert len(deltas) > 2 and "".join(deltas) == whole.content[0].text
    [end] = [event for event in events if event.type == "message_delta"]
    assert end.delta.stop_reason == whole.stop_reason
    assert end.usage.output_tokens == whole.usage.output_tokens


def test_the_stream_helper_gathers_the_message(anthropic_client):
    with anthropic_client.messages.stream(**asked()) as stream:
        text = "".join(stream.text_stream)
        final = stream.get_final_message()
    whole = ask(anthropic_client)
    assert text == final.content[0].text == whole.content[0].text
    assert read(final.usage) == read(whole.usage)


def test_instructions_and_earlier_turns_are_read(anthropic_client):
    first = ask(anthropic_client, max_tokens=4)
    instructed = ask(anthropic_client, max_tokens=4, system="Answer like a sailor.")
    in_blocks = ask(
        anthropic_client,
        max_tokens=4,
        system=[{"type": "text", "text": "Answer like a sailor."}],
    )
    assert read(instructed.usage) > read(first.usage)
    assert read(in_blocks.usage) == read(instructed.usage)
    assert in_blocks.content == instructed.content
    turns = [*user(), {"role": "assistant", "content": first.content}, *user("Go on.")]
    assert read(ask(anthropic_client, turns, max_tokens=4).usage) > read(first.usage)


def test_a_stop_sequence(anthropic_client):
    full = ask(anthropic_client).content[0].text
    stop = full[len(full) // 2 :][:3]
    message = ask(anthropic_client, stop_sequences=[stop])
    assert message.content[0].text == full[: full.index(stop)]
    assert (message.stop_reason, message.stop_sequence) == ("stop_sequence", stop)


def test_no_thinking(anthropic_client):
    message = ask(anthropic_client, thinking={"type": "disabled"})
    assert [block.type for block in message.content] == ["text"]


def test_a_message_under_a_schema(anthropic_client):
    form = {"format": {"type": "json_schema", "schema": TEAM}}
    message = ask(anthropic_client, max_tokens=120, output_config=form)
    assert message.stop_reason == "end_turn"
    assert holds(TEAM, json.loads(message.content[0].text))


def test_a_class_is_filled_in(anthropic_client):
    message = anthropic_client.messages.parse(
        **asked(user("Monday?"), max_tokens=60, output_format=Day)
    )
    assert isinstance(message.parsed_output, Day)


def test_the_count_of_tokens_is_what_is_read(anthropic_client):
    turns = [*user(), {"role": "assistant", "content": "Monday."}, *user("And then?")]
    for messages, system in ((user(), anthropic.omit), (turns, "Be brief.")):
        count = anthropic_client.messages.count_tokens(
            model="executive", messages=messages, system=system
        )
        message = ask(anthropic_client, messages, system=system, max_tokens=1)
        assert count.input_tokens == read(message.usage)
    with pytest.raises(anthropic.NotFoundError):
        anthropic_client.messages.count_tokens(model="plumber", messages=user())


def test_an_unknown_model(anthropic_client):
    for stream in (False, True):
        with pytest.raises(anthropic.NotFoundError) as raised:
            ask(anthropic_client, model="plumber", stream=stream)
        assert raised.value.body["type"] == "error"
        assert raised.value.body["error"]["type"] == "not_found_error"
        assert "plumber" in raised.value.body["error"]["message"]
        assert raised.value.request_id or raised.value.response.headers["x-request-id"]


PICTURE = {"type": "base64", "media_type": "image/png", "data": "AAAA"}


@pytest.mark.parametrize(
    "wrong",
    [
        {"max_tokens": 0},
        {"max_tokens": "many"},
        {"temperature": 3},
        {"top_k": "few"},
        {"stop_sequences": "end"},
        {"stop_sequences": [""]},
        {"system": 7},
        {"messages": []},
        {"messages": "hello"},
        {"messages": [{"role": "wizard", "content": "hi"}]},
        {"messages": [{"role": "user", "content": [{"type": "image", "source": PICTURE}]}]},
        {"thinking": {"type": "deep"}},
        {"mcp_servers": [{"type": "url", "url": "http://127.0.0.1:9", "name": "a"}]},
    ],
    ids=str,
)
def test_a_wrong_field(anthropic_client, wrong):
    with pytest.raises(anthropic.BadRequestError) as raised:
        ask(anthropic_client, extra_body=wrong)
    error = raised.value.body["error"]
    assert error["type"] == "invalid_request_error"
    assert next(iter(wrong)) in error["message"]


def test_a_prompt_that_does_not_fit(anthropic_client):
    with pytest.raises(anthropic.BadRequestError) as raised:
        ask(anthropic_client, user("word " * 2 * CONTEXT))
    assert str(CONTEXT) in raised.value.body["error"]["message"]


def test_many_at_once():
    async def one(client, agent, number):
        options = asked(user(f"What is {number} + 1?"), model=agent, max_tokens=6)
        if number % 2:
            message = await client.messages.create(**options)
        else:
            async with client.messages.stream(**options) as stream:
                message = await stream.get_final_message()
        return message.model, bool(message.content[0].text)

    async def all_of_them():
        async with anthropic.AsyncAnthropic(
            base_url=URL, api_key="any", timeout=PATIENCE_S, max_retries=0
        ) as client:
            asking = [one(client, agent, number) for number, agent in enumerate(AT_ONCE)]
            return await asyncio.gather(*asking)

    assert asyncio.run(all_of_them()) == [(agent, True) for agent in AT_ONCE]
    wait_until_idle()
