"""Exceptions of `openai`: one per status, with the server's message."""

import openai
import pytest

from server import CONTEXT
from words import user


def ask(client, **options):
    return client.chat.completions.create(
        **{"model": "coder", "messages": user(), "max_tokens": 4, **options}
    )


def test_an_unknown_model(openai_client):
    for stream in (False, True):
        with pytest.raises(openai.NotFoundError) as raised:
            ask(openai_client, model="plumber", stream=stream)
        error = raised.value
        assert error.status_code == 404 and error.code == "model_not_found"
        assert "plumber" in error.message and "analyst" in error.message
        assert error.request_id


@pytest.mark.parametrize(
    "wrong",
    [
        {"temperature": "hot"},
        {"temperature": -1},
        {"top_p": 2},
        {"max_tokens": "many"},
        {"max_tokens": -1},
        {"messages": "hello"},
        {"messages": [{"role": "user", "content": 7}]},
        {"messages": [{"role": "wizard", "content": "hi"}]},
        {"stop": {"a": 1}},
        {"n": 0},
        {"seed": "s"},
        {"stream": "yes"},
        {"logprobs": False, "top_logprobs": 2},
        {"top_logprobs": 21, "logprobs": True},
        {"logit_bias": {"word": 1}},
        {"model": 7},
    ],
    ids=str,
)
def test_a_wrong_field(openai_client, wrong):
    with pytest.raises(openai.BadRequestError) as raised:
        ask(openai_client, extra_body=wrong)
    error = raised.value
    assert error.type == "invalid_request_error" and error.message
    assert isinstance(error.body, dict)


def test_no_messages(openai_client):
    with pytest.raises(openai.BadRequestError):
        ask(openai_client, messages=[])


def test_a_prompt_that_does_not_fit(openai_client):
    for stream in (False, True):
        with pytest.raises(openai.BadRequestError) as raised:
            ask(openai_client, messages=user("word " * 2 * CONTEXT), stream=stream)
        assert raised.value.code == "context_length_exceeded"
        assert str(CONTEXT) in raised.value.message


def test_a_picture_is_refused(openai_client):
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
    with pytest.raises(openai.BadRequestError):
        ask(openai_client, messages=[{"role": "user", "content": [picture]}])


def test_embeddings_of_a_model_that_has_none(openai_client):
    with pytest.raises(openai.APIStatusError) as raised:
        openai_client.embeddings.create(model="coder", input="words")
    assert 400 <= raised.value.status_code < 500 and "embedding" in raised.value.message


def test_a_path_that_nobody_serves(openai_client):
    with pytest.raises(openai.NotFoundError):
        openai_client.moderations.create(input="words")


def test_a_good_request_after_all_that(openai_client):
    assert ask(openai_client).choices[0].message.role == "assistant"
