"""Output formats, with `openai`: enforced by a grammar."""

import json

import openai
import pytest

from words import SAME, TEAM, Day, holds, user


def ask(client, response_format, **options):
    options = {"model": "operator", "max_tokens": 120, **SAME, **options}
    return client.chat.completions.create(
        messages=user("Describe the team as JSON."), response_format=response_format, **options
    )


def schema(form, name="team"):
    return {"type": "json_schema", "json_schema": {"name": name, "schema": form, "strict": True}}


def test_an_answer_under_a_schema(openai_client):
    choice = ask(openai_client, schema(TEAM)).choices[0]
    assert choice.finish_reason == "stop"
    assert holds(TEAM, json.loads(choice.message.content))


def test_under_a_schema_at_any_temperature(openai_client):
    for seed in range(2):
        choice = ask(openai_client, schema(TEAM), temperature=1.5, seed=seed).choices[0]
        assert choice.finish_reason == "stop"
        assert holds(TEAM, json.loads(choice.message.content))


def test_a_stream_under_a_schema(openai_client):
    chunks = ask(openai_client, schema(TEAM), stream=True)
    text = "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)
    assert text == ask(openai_client, schema(TEAM)).choices[0].message.content


def test_any_object(openai_client):
    choice = ask(openai_client, {"type": "json_object"}, max_tokens=40).choices[0]
    assert choice.message.content.lstrip().startswith("{")
    # A small model may not stop; finished answers are complete.
    if choice.finish_reason == "stop":
        assert isinstance(json.loads(choice.message.content), dict)


def test_plain_text_is_a_form_too(openai_client):
    assert ask(openai_client, {"type": "text"}, max_tokens=4).choices[0].message.content


def test_a_class_is_filled_in(openai_client):
    completion = openai_client.chat.completions.parse(
        model="operator", messages=user("Monday?"), max_tokens=60, response_format=Day, **SAME
    )
    assert isinstance(completion.choices[0].message.parsed, Day)


def test_a_class_is_filled_in_by_a_stream(openai_client):
    with openai_client.chat.completions.stream(
        model="operator", messages=user("Monday?"), max_tokens=60, response_format=Day, **SAME
    ) as stream:
        parsed = stream.get_final_completion().choices[0].message.parsed
    assert isinstance(parsed, Day)


def test_an_answer_that_was_cut_off_is_no_answer(openai_client):
    with pytest.raises(openai.LengthFinishReasonError):
        openai_client.chat.completions.parse(
            model="operator", messages=user("Monday?"), max_tokens=2, response_format=Day
        )


@pytest.mark.parametrize(
    "wrong",
    [
        {"type": "poem"},
        {"type": "json_schema"},
        {"type": "json_schema", "json_schema": {"name": "a", "schema": 7}},
        schema({"type": "no such type"}),
        schema({"$ref": "#/nowhere"}),
        "json",
    ],
    ids=str,
)
def test_forms_that_do_not_exist(openai_client, wrong):
    with pytest.raises(openai.BadRequestError):
        ask(openai_client, None, extra_body={"response_format": wrong})
