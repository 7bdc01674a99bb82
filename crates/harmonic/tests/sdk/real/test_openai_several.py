"""Several answers to one question (`n`), and plain completions, with `openai`."""

import openai
import pytest

from words import SAME, reasons_of, text_of, user

STORY = "Once upon a time, there was a"


def several(client, **options):
    return client.chat.completions.create(
        model="coder", messages=user("Tell me a story."), n=3, max_tokens=8, seed=5, **options
    )


def test_several_answers(openai_client):
    answer = several(openai_client, temperature=1.5, extra_body={"ignore_eos": True})
    assert [choice.index for choice in answer.choices] == [0, 1, 2]
    texts = {choice.message.content for choice in answer.choices}
    assert len(texts) > 1, "each has a seed of its own"
    assert answer.usage.completion_tokens == 3 * 8
    assert answer.usage.prompt_tokens < 200, "the prompt counts once"


def test_several_answers_in_one_stream(openai_client):
    options = {"temperature": 1.5, "extra_body": {"ignore_eos": True}}
    asked = several(
        openai_client, stream=True, stream_options={"include_usage": True}, **options
    )
    *chunks, last = asked
    assert len({chunk.id for chunk in [*chunks, last]}) == 1
    assert last.choices == [] and last.usage.completion_tokens == 3 * 8
    texts = [text_of(chunks, index) for index in range(3)]
    assert all(texts) and len(set(texts)) > 1
    assert [reasons_of(chunks, index) for index in range(3)] == [["length"]] * 3


def complete(client, **options):
    options = {"model": "coder", "prompt": STORY, "max_tokens": 10, **SAME, **options}
    return client.completions.create(**options)


def test_a_completion(openai_client):
    answer = complete(openai_client)
    [choice] = answer.choices
    assert answer.object == "text_completion" and answer.id.startswith("cmpl-")
    assert choice.text.strip() and choice.finish_reason in ("stop", "length")
    # No template and no system prompt: the prompt is only these few words.
    assert answer.usage.prompt_tokens < 12
    assert 0 < answer.usage.completion_tokens <= 10


def test_a_completion_in_pieces(openai_client):
    *chunks, last = complete(openai_client, stream=True, stream_options={"include_usage": True})
    pieces = [choice.text for chunk in chunks for choice in chunk.choices]
    assert len(pieces) > 3
    whole = complete(openai_client)
    assert "".join(pieces) == whole.choices[0].text
    assert last.usage.completion_tokens == whole.usage.completion_tokens


def test_a_completion_stops_where_it_is_told(openai_client):
    full = complete(openai_client).choices[0].text
    stop = full[len(full) // 2 :][:3]
    choice = complete(openai_client, stop=[stop]).choices[0]
    assert choice.text == full[: full.index(stop)] and choice.finish_reason == "stop"


def test_logprobs_of_a_completion(openai_client):
    choice = complete(openai_client, logprobs=2).choices[0]
    tokens = choice.logprobs
    assert "".join(tokens.tokens) == choice.text
    assert tokens.text_offset == [
        len("".join(tokens.tokens[:count])) for count in range(len(tokens.tokens))
    ]
    for token, logprob, rivals in zip(
        tokens.tokens, tokens.token_logprobs, tokens.top_logprobs, strict=True
    ):
        assert len(rivals) == 2 and max(rivals, key=rivals.get) == token
        assert rivals[token] == pytest.approx(logprob, abs=1e-4)


def test_completions_that_are_refused(openai_client):
    for wrong in ({"echo": True}, {"suffix": "end"}, {"prompt": ["a", "b"]}, {"prompt": [1, 2]}):
        with pytest.raises(openai.BadRequestError) as raised:
            complete(openai_client, **wrong)
        assert next(iter(wrong)) in raised.value.message
    with pytest.raises(openai.NotFoundError):
        complete(openai_client, model="plumber")
