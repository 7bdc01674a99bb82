"""Model queries of the `ollama` package: list, capabilities, and others."""

import ollama
import pytest

from server import AGENTS, CONTEXT, TEAM
from words import user


def test_the_agents_are_the_models(ollama_client):
    models = ollama_client.list().models
    assert [model.model for model in models] == AGENTS + TEAM
    agents = models[: len(AGENTS)]
    assert {model.details.parent_model for model in agents} == {"smollm2:135m"}
    assert all(model.size > 90_000_000 for model in agents)


def test_all_of_them_run(ollama_client):
    running = ollama_client.ps().models
    assert [model.model for model in running] == AGENTS + TEAM
    assert {model.context_length for model in running} == {CONTEXT}


def test_a_model_is_shown(ollama_client):
    shown = ollama_client.show("coder")
    assert shown.capabilities == ["completion", "tools"]
    assert shown.details.parent_model == "smollm2:135m"
    assert CONTEXT in shown.modelinfo.values()
    with pytest.raises(ollama.ResponseError) as raised:
        ollama_client.show("plumber")
    assert raised.value.status_code == 404 and "plumber" in raised.value.error


def test_a_model_is_there_without_a_question(ollama_client):
    answer = ollama_client.chat("coder", [])
    assert answer.done and answer.done_reason == "load" and answer.message.content == ""


def test_embeddings_of_a_model_that_has_none(ollama_client):
    with pytest.raises(ollama.ResponseError) as raised:
        ollama_client.embed("coder", "words")
    assert 400 <= raised.value.status_code < 500 and "embedding" in raised.value.error


def test_models_are_not_made_or_removed(ollama_client):
    with pytest.raises(ollama.ResponseError) as raised:
        ollama_client.create("mine", from_="coder")
    assert raised.value.status_code == 403
    with pytest.raises(ollama.ResponseError) as raised:
        ollama_client.delete("coder")
    assert raised.value.status_code == 403
    assert ollama_client.chat("coder", user(), options={"num_predict": 2}).message.content


def test_pulling_what_is_here(ollama_client):
    assert ollama_client.pull("smollm2:135m").status == "success"
    *_, last = ollama_client.pull("smollm2:135m", stream=True)
    assert last.status == "success"


def test_pulling_what_is_not_here(ollama_client):
    with pytest.raises(ollama.ResponseError, match="--allow-pull"):
        ollama_client.pull("no-such-model")
    with pytest.raises(ollama.ResponseError, match="--allow-pull"):
        list(ollama_client.pull("no-such-model", stream=True))
