"""`client.chat.completions` of the `openai` package."""

import pytest

from server import AGENTS, TEAM
from words import SAME, reasons_of, text_of, user


def whole(client, messages=None, **options):
    options = {"model": "coder", "max_tokens": 16, **SAME, **options}
    return client.chat.completions.create(messages=messages or user(), **options)


def streamed(client, messages=None, **options):
    return list(whole(client, messages, stream=True, **options))


def test_a_whole_answer(openai_client):
    answer = whole(openai_client)
    assert answer.object == "chat.completion" and answer.model == "coder"
    assert answer.id.startswith("chatcmpl-") and answer.created > 1_700_000_000
    [choice] = answer.choices
    assert choice.index == 0 and choice.finish_reason in ("stop", "length")
    assert choice.message.role == "assistant" and choice.message.content.strip()
    assert choice.message.tool_calls is None and choice.message.refusal is None
    usage = answer.usage
    assert 0 < usage.completion_tokens <= 16 < usage.prompt_tokens
    assert usage.total_tokens == usage.prompt_tokens + usage.completion_tokens


def test_every_agent_is_a_model(openai_client):
    for agent in AGENTS:
        response = openai_client.chat.completions.with_raw_response.create(
            model=agent, messages=user(), max_tokens=2
        )
        assert response.headers["x-harmonic-agent"] == agent
        assert int(response.headers["x-harmonic-slot"]) >= 0
        assert int(response.headers["x-harmonic-queue-ms"]) >= 0
        assert response.headers["x-request-id"]
        assert response.parse().model == agent


def test_a_conversation_of_many_turns(openai_client):
    messages = [{"role": "system", "content": "Answer in one word."}, *user("Hello!")]
    prompts = []
    for turn in range(3):
        answer = whole(openai_client, messages, max_tokens=8)
        prompts.append(answer.usage.prompt_tokens)
        messages.append(answer.choices[0].message.model_dump(exclude_none=True))
        messages += user(f"And then, for the {turn}. time?")
    assert prompts == sorted(set(prompts)), "every turn is longer than the last"


def test_a_later_turn_reuses_the_earlier_ones(openai_client):
    messages = user("Tell me of the sea.")
    first = whole(openai_client, messages, max_tokens=8)
    messages.append({"role": "assistant", "content": first.choices[0].message.content})
    second = whole(openai_client, [*messages, *user("Go on.")], max_tokens=8)
    assert second.usage.prompt_tokens_details.cached_tokens >= first.usage.prompt_tokens // 2


def test_content_in_parts_is_text_in_lines(openai_client):
    lines = ["Name the days", "of the week."]
    parts = [{"type": "text", "text": line} for line in lines]
    in_parts = whole(openai_client, [{"role": "user", "content": parts}])
    in_lines = whole(openai_client, user("\n".join(lines)))
    assert in_parts.usage.prompt_tokens == in_lines.usage.prompt_tokens
    assert in_parts.choices[0].message.content == in_lines.choices[0].message.content


def test_a_developer_message_is_a_system_message(openai_client):
    answers = [
        whole(openai_client, [{"role": role, "content": "Be brief."}, *user()])
        for role in ("system", "developer")
    ]
    assert answers[0].usage.prompt_tokens == answers[1].usage.prompt_tokens
    assert answers[0].choices[0].message.content == answers[1].choices[0].message.content


def test_a_stream_says_what_the_whole_answer_says(openai_client):
    chunks = streamed(openai_client)
    assert chunks[0].choices[0].delta.role == "assistant"
    assert {chunk.id for chunk in chunks} == {chunks[0].id}
    assert {chunk.object for chunk in chunks} == {"chat.completion.chunk"}
    assert len(chunks) > 3
    answer = whole(openai_client).choices[0]
    assert text_of(chunks) == answer.message.content
    assert reasons_of(chunks) == [answer.finish_reason]


def test_a_stream_is_counted_when_it_is_asked_for(openai_client):
    *chunks, last = streamed(openai_client, stream_options={"include_usage": True})
    assert all(chunk.usage is None for chunk in chunks)
    counted, usage = whole(openai_client).usage, last.usage
    assert last.choices == []
    assert usage.prompt_tokens == counted.prompt_tokens
    assert usage.completion_tokens == counted.completion_tokens
    assert all(chunk.usage is None for chunk in streamed(openai_client))


def test_the_stream_helper_gathers_the_answer(openai_client):
    # The package raises an error for a truncated answer; this one ends by itself.
    full = whole(openai_client).choices[0].message.content
    stop = full[len(full) // 2 :][:3]
    with openai_client.chat.completions.stream(
        model="coder", messages=user(), max_tokens=16, stop=stop, **SAME
    ) as stream:
        kinds = {event.type for event in stream}
        final = stream.get_final_completion()
    assert {"chunk", "content.delta", "content.done"} <= kinds
    assert final.choices[0].message.content == full[: full.index(stop)]


def test_stop_strings_end_the_answer_and_are_not_in_it(openai_client):
    full = whole(openai_client, max_tokens=24).choices[0].message.content
    stop = full[len(full) // 2 :][:3]
    for stops in (stop, ["never said", stop]):
        choice = whole(openai_client, max_tokens=24, stop=stops).choices[0]
        assert choice.finish_reason == "stop"
        assert choice.message.content == full[: full.index(stop)]
        chunks = streamed(openai_client, max_tokens=24, stop=stops)
        assert text_of(chunks) == full[: full.index(stop)] and reasons_of(chunks) == ["stop"]


def test_temperature_0_says_the_same_again(openai_client):
    once, again = (whole(openai_client, seed=None).choices[0].message for _ in range(2))
    assert once.content == again.content


def test_a_seed_draws_the_same_again(openai_client):
    drawn = {"temperature": 1, "top_p": 0.95, "seed": 42}
    once, again = (whole(openai_client, **drawn).choices[0].message for _ in range(2))
    assert once.content == again.content


@pytest.mark.parametrize("name", ["max_tokens", "max_completion_tokens"])
def test_the_answer_has_the_length_that_was_asked_for(openai_client, name):
    answer = openai_client.chat.completions.create(
        model="coder", messages=user(), **{name: 5}, extra_body={"ignore_eos": True}
    )
    assert answer.usage.completion_tokens == 5
    assert answer.choices[0].finish_reason == "length"


def check_logprobs(tokens, text, rivals):
    assert "".join(token.token for token in tokens) == text
    assert all(token.logprob <= 0 and len(token.top_logprobs) == rivals for token in tokens)
    for token in tokens:
        likely = [rival.logprob for rival in token.top_logprobs]
        assert likely == sorted(likely, reverse=True)
        # Temperature 0 selects the most likely token.
        assert token.token == token.top_logprobs[0].token
        assert bytes(token.bytes).decode() == token.token


def test_logprobs_of_every_token(openai_client):
    answer = whole(openai_client, logprobs=True, top_logprobs=3)
    choice = answer.choices[0]
    check_logprobs(choice.logprobs.content, choice.message.content, 3)
    extra = answer.usage.completion_tokens - len(choice.logprobs.content)
    assert extra in (0, 1), "the end of the turn is a token without text"


def test_logprobs_in_a_stream(openai_client):
    chunks = streamed(openai_client, logprobs=True, top_logprobs=2)
    choices = [choice for chunk in chunks for choice in chunk.choices if choice.logprobs]
    tokens = [token for choice in choices for token in choice.logprobs.content]
    check_logprobs(tokens, text_of(chunks), 2)


def test_a_bias_leaves_no_choice(openai_client):
    """The token with the highest bias, every time."""
    answer = whole(openai_client, max_tokens=6, logit_bias={"1000": 100}, logprobs=True)
    tokens = [token.token for token in answer.choices[0].logprobs.content]
    assert len(tokens) == 6 and len(set(tokens)) == 1


def test_fields_that_nobody_knows_are_ignored(openai_client):
    answer = whole(
        openai_client,
        user="me",
        metadata={"a": "b"},
        store=False,
        service_tier="auto",
        extra_body={"unheard_of": {"deep": [1]}},
    )
    assert answer.choices[0].message.content == whole(openai_client).choices[0].message.content


def test_the_agents_are_the_models(openai_client):
    assert [model.id for model in openai_client.models.list()] == AGENTS + TEAM
