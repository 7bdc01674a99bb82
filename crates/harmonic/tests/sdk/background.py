"""Cases of `client.responses` of the `openai` package in the background: retrieve, stream on, cancel,
delete. Those who import them define `model`, whom they ask.
"""

import time

import openai
import pytest

from server import remove_runs
from words import QUESTION

# Longer than any answer here.
PATIENCE_S = 120

OPEN = ("queued", "in_progress")


def ask(client, model, **options):
    options = {"max_output_tokens": 16, "background": True, **options}
    return client.responses.create(model=model, input=QUESTION, **options)


def ended(client, response):
    until = time.monotonic() + PATIENCE_S
    while response.status in OPEN:
        assert time.monotonic() < until, f"never ended: {response}"
        time.sleep(0.02)
        response = client.responses.retrieve(response.id)
    return response


@pytest.fixture(autouse=True)
def no_runs_are_left():
    yield
    remove_runs()


def test_a_response_is_read_later(openai_client, model):
    begun = ask(openai_client, model, metadata={"mark": "7"})
    assert begun.status in OPEN and begun.background
    response = ended(openai_client, begun)
    assert response.id == begun.id and response.metadata == {"mark": "7"}
    assert response.status in ("completed", "incomplete") and response.output_text.strip()
    assert response.usage.output_tokens > 0


def test_a_stream_goes_on_where_it_broke_off(openai_client, model):
    seen = []
    with ask(openai_client, model, stream=True) as stream:
        for event in stream:
            seen.append(event)
            if len(seen) == 4:
                break
    response_id = seen[0].response.id
    assert [event.type for event in seen[:3]] == [
        "response.created",
        "response.queued",
        "response.in_progress",
    ]
    # A broken stream cancels nothing, and the rest of it is there.
    with openai_client.responses.retrieve(
        response_id, stream=True, starting_after=seen[-1].sequence_number
    ) as rest:
        seen.extend(rest)
    assert [event.sequence_number for event in seen] == list(range(len(seen)))
    last = seen[-1]
    assert last.type in ("response.completed", "response.incomplete")
    deltas = [event.delta for event in seen if event.type == "response.output_text.delta"]
    whole = openai_client.responses.retrieve(response_id)
    assert "".join(deltas) == last.response.output_text == whole.output_text
    if model.startswith("team"):
        assert any(event.type == "response.reasoning_text.delta" for event in seen)


def test_a_response_is_cancelled_twice_and_removed(openai_client, model):
    begun = ask(openai_client, model, max_output_tokens=1500)
    cancelled = openai_client.responses.cancel(begun.id)
    assert cancelled.status in ("cancelled", "completed", "incomplete")
    assert openai_client.responses.cancel(begun.id).status == cancelled.status
    assert openai_client.responses.retrieve(begun.id).status == cancelled.status
    openai_client.responses.delete(begun.id)
    with pytest.raises(openai.NotFoundError, match="unknown response"):
        openai_client.responses.retrieve(begun.id)


def test_what_is_not_kept_is_said(openai_client, model):
    with pytest.raises(openai.BadRequestError, match="`store`"):
        ask(openai_client, model, store=False)
    waited = ask(openai_client, model, background=False)
    with pytest.raises(openai.NotFoundError, match="`background`"):
        openai_client.responses.retrieve(waited.id)
