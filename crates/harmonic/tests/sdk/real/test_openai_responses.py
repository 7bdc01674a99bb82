"""`client.responses` of the `openai` package."""

import json

import openai
import pytest

from words import QUESTION, WEATHER, Day, holds

TOOL = {"type": "function", "name": "weather", "parameters": WEATHER, "strict": True}


def ask(client, question=QUESTION, **options):
    options = {"model": "analyst", "max_output_tokens": 12, "temperature": 0, **options}
    return client.responses.create(input=question, **options)


def test_a_response(openai_client):
    response = ask(openai_client)
    assert response.object == "response" and response.id.startswith("resp_")
    assert response.model == "analyst" and response.output_text.strip()
    [item] = response.output
    assert item.type == "message" and item.role == "assistant"
    usage = response.usage
    assert 0 < usage.output_tokens <= 12 < usage.input_tokens
    assert usage.total_tokens == usage.input_tokens + usage.output_tokens
    if response.status == "incomplete":
        assert response.incomplete_details.reason == "max_output_tokens"
    else:
        assert response.status == "completed"


def test_a_response_in_events(openai_client):
    whole = ask(openai_client)
    with ask(openai_client, stream=True) as stream:
        events = list(stream)
    kinds = [event.type for event in events]
    assert kinds[:2] == ["response.created", "response.in_progress"]
    assert kinds[-1] == f"response.{whole.status}"
    assert [event.sequence_number for event in events] == list(range(len(events)))
    deltas = [event.delta for event in events if event.type == "response.output_text.delta"]
    [done] = [event.text for event in events if event.type == "response.output_text.done"]
    assert len(deltas) > 2
    assert "".join(deltas) == done == events[-1].response.output_text == whole.output_text


def test_instructions_follow_the_agents_own(openai_client):
    without = ask(openai_client, max_output_tokens=2).usage.input_tokens
    instructed = ask(openai_client, max_output_tokens=2, instructions="Speak like a sailor.")
    assert instructed.usage.input_tokens > without
    assert instructed.instructions == "Speak like a sailor."


def test_a_response_in_a_class(openai_client):
    response = openai_client.responses.parse(
        model="analyst", input="Monday?", max_output_tokens=60, temperature=0, text_format=Day
    )
    assert isinstance(response.output_parsed, Day)


def test_a_call_and_its_result(openai_client):
    options = {"tools": [TOOL], "max_output_tokens": 80}
    question = {"role": "user", "content": "The weather in Oslo for 2 days?"}
    response = ask(openai_client, [question], tool_choice="required", **options)
    [call] = response.output
    assert (call.type, call.name, call.status) == ("function_call", "weather", "completed")
    assert holds(WEATHER, json.loads(call.arguments)) and response.output_text == ""

    read = []
    for said in ("Snow.", "Snow on the first day, and on the second day more of it."):
        result = {"type": "function_call_output", "call_id": call.call_id, "output": said}
        turns = [question, call.model_dump(exclude_none=True), result]
        after = ask(openai_client, turns, max_output_tokens=8)
        assert after.output_text.strip()
        read.append(after.usage.input_tokens)
    assert read[0] + 8 < read[1], "the longer result is the longer prompt"


def test_a_call_in_events(openai_client):
    with ask(
        openai_client, tools=[TOOL], tool_choice="required", max_output_tokens=80, stream=True
    ) as stream:
        events = list(stream)
    pieces = [e.delta for e in events if e.type == "response.function_call_arguments.delta"]
    [done] = [e for e in events if e.type == "response.function_call_arguments.done"]
    assert "".join(pieces) == done.arguments and holds(WEATHER, json.loads(done.arguments))
    assert events[-1].response.output[0].arguments == done.arguments


def test_logprobs_of_a_response(openai_client):
    response = ask(openai_client, include=["message.output_text.logprobs"], top_logprobs=2)
    tokens = response.output[0].content[0].logprobs
    assert "".join(token.token for token in tokens) == response.output_text
    for token in tokens:
        assert token.token == token.top_logprobs[0].token and len(token.top_logprobs) == 2


def test_tools_that_openai_runs_are_left_out_and_named(openai_client):
    raw = openai_client.responses.with_raw_response.create(
        model="coder",
        input=QUESTION,
        max_output_tokens=16,
        truncation="auto",
        tools=[{"type": "web_search"}],
    )
    assert raw.headers["x-harmonic-ignored"] == "tools[0] (web_search)"
    response = raw.parse()
    assert (response.tools, response.truncation) == ([], "auto")
    assert response.usage.output_tokens_details.reasoning_tokens == 0


def test_responses_that_are_refused(openai_client):
    for wrong in (
        {"previous_response_id": "resp_1"},
        {"background": True, "store": False},
        {"truncation": "middle"},
        {"tools": [{"name": "f"}]},
    ):
        with pytest.raises(openai.BadRequestError) as raised:
            ask(openai_client, **wrong)
        assert next(iter(wrong)) in raised.value.message
    with pytest.raises(openai.NotFoundError):
        ask(openai_client, model="plumber")
    with pytest.raises(openai.NotFoundError):
        openai_client.responses.retrieve("resp_1")
