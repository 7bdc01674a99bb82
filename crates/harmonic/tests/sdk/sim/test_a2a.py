"""The official SDK of A2A against the team: its card, and tasks over JSON-RPC."""

import asyncio
import uuid

import httpx
import pytest
from a2a.client import A2ACardResolver, ClientConfig, ClientFactory
from a2a.types import (
    CancelTaskRequest,
    GetTaskRequest,
    ListTasksRequest,
    Message,
    Part,
    Role,
    SendMessageRequest,
    SubscribeToTaskRequest,
    TaskState,
)
from a2a.utils.errors import (
    ContentTypeNotSupportedError,
    TaskNotCancelableError,
    TaskNotFoundError,
    UnsupportedOperationError,
)

from server import TEAM, URL, remove_runs
from words import QUESTION

PATIENCE_S = 120


@pytest.fixture(autouse=True)
def no_runs_are_left():
    yield
    remove_runs()


def message(text=QUESTION, skill="team:vote", **parts):
    sent = Message(message_id=uuid.uuid4().hex, role=Role.ROLE_USER)
    sent.parts.append(Part(**(parts or {"text": text})))
    request = SendMessageRequest(message=sent)
    request.metadata.update({"skill": skill})
    return request


def within_a_client(case, **config):
    """Runs `case` with a client that was made from the card."""

    async def run():
        async with httpx.AsyncClient(timeout=PATIENCE_S) as http:
            card = await A2ACardResolver(http, URL).get_agent_card()
            factory = ClientFactory(ClientConfig(httpx_client=http, **config))
            return await case(factory.create(card), card)

    return asyncio.run(run())


def text(parts):
    return "".join(part.text for part in parts)


def test_the_card_has_the_recipes_as_skills():
    async def case(_, card):
        assert [skill.id for skill in card.skills] == TEAM
        assert card.capabilities.streaming and not card.capabilities.push_notifications
        [interface] = card.supported_interfaces
        assert interface.url == f"{URL}/a2a" and interface.protocol_version == "1.0"

    within_a_client(case)


def test_a_task_in_a_stream():
    async def case(client, _):
        events = [event async for event in client.send_message(message())]
        task = events[0].task
        assert task.status.state == TaskState.TASK_STATE_WORKING and task.context_id
        answer = ""
        for event in events:
            if event.HasField("artifact_update"):
                update = event.artifact_update
                part = text(update.artifact.parts)
                answer = answer + part if update.append else part
        last = events[-1].status_update
        assert last.status.state == TaskState.TASK_STATE_COMPLETED and last.task_id == task.id
        whole = await client.get_task(GetTaskRequest(id=task.id))
        assert text(whole.artifacts[0].parts) == answer and answer.strip()
        assert text(whole.history[0].parts) == QUESTION
        says = [event.status_update.status.message for event in events]
        assert any("begins" in text(said.parts) for said in says)
        with pytest.raises(UnsupportedOperationError):
            await anext(aiter(client.subscribe(SubscribeToTaskRequest(id=task.id))))

    within_a_client(case)


def test_a_task_that_is_waited_for():
    async def case(client, _):
        [event] = [event async for event in client.send_message(message())]
        assert event.task.status.state == TaskState.TASK_STATE_COMPLETED
        assert text(event.task.artifacts[0].parts).strip()
        with pytest.raises(TaskNotCancelableError):
            await client.cancel_task(CancelTaskRequest(id=event.task.id))

    within_a_client(case, streaming=False)


def test_a_task_is_followed_again_and_cancelled():
    async def case(client, _):
        request = message(skill="team:split")
        [begun] = [event async for event in client.send_message(request)]
        task = begun.task.id
        assert begun.task.status.state == TaskState.TASK_STATE_WORKING
        listed = await client.list_tasks(ListTasksRequest())
        assert [known.id for known in listed.tasks] == [task]

    async def followed(client, _):
        [listed] = (await client.list_tasks(ListTasksRequest())).tasks
        subscribed = aiter(client.subscribe(SubscribeToTaskRequest(id=listed.id)))
        first = await anext(subscribed)
        assert first.task.id == listed.id
        cancelled = await client.cancel_task(CancelTaskRequest(id=listed.id))
        assert cancelled.status.state == TaskState.TASK_STATE_CANCELED
        rest = [event async for event in subscribed]
        assert rest[-1].status_update.status.state == TaskState.TASK_STATE_CANCELED

    within_a_client(case, streaming=False, polling=True)
    within_a_client(followed)


def test_errors_are_those_of_the_protocol():
    async def case(client, _):
        unknown = "run_01JABCDEFGHJKMNPQRSTVWXY00"
        with pytest.raises(TaskNotFoundError):
            await client.get_task(GetTaskRequest(id=unknown))
        with pytest.raises(ContentTypeNotSupportedError):
            async for _ in client.send_message(message(url="http://127.0.0.1/file")):
                pass

    within_a_client(case, streaming=False)
