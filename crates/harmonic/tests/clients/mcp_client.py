"""The official client for Python against `harmonic mcp`, in both forms of the protocol.

$HARMONIC is the program, $HARMONIC_URL a team that runs, $NOBODY an address without one.
"""

import asyncio
import json
import os
import urllib.request

from mcp import Client, MCPError, StdioServerParameters

URL = os.environ["HARMONIC_URL"]
TOOLS = ["list_agents", "ask_agent", "run_team", "run_status", "run_result", "run_stop"]
LONG = "- Tell the story of a river.\n- Tell the story of a mountain.\n- Tell the story of a lake."


def client(mode, url=URL):
    server = StdioServerParameters(command=os.environ["HARMONIC"], args=["mcp", "--url", url])
    return Client(server, mode=mode)


def text(result):
    return "\n".join(part.text for part in result.content)


def runs():
    with urllib.request.urlopen(f"{URL}/runs") as response:
        return json.load(response)["runs"]


async def until(condition):
    for _ in range(600):
        if condition():
            return
        await asyncio.sleep(0.1)
    raise AssertionError(f"it did not come to that: {runs()}")


async def fails(call, *words):
    result = await call
    assert result.is_error, text(result)
    for word in words:
        assert word in text(result), f"`{word}` is missing: {text(result)}"


async def use(mode):
    reports = []

    async def report(progress, total, message):
        reports.append((progress, total, message))

    async with client(mode) as team:
        tools = (await team.list_tools()).tools
        assert [tool.name for tool in tools] == TOOLS
        listed = await team.call_tool("list_agents", {})
        names = [agent["name"] for agent in listed.structured_content["agents"]]
        assert names == ["coder", "analyst"], names
        assert "4096 tokens" in text(listed), text(listed)

        arguments = {"agent": "analyst", "prompt": "Name a day.", "max_tokens": 8}
        answer = await team.call_tool("ask_agent", arguments)
        assert not answer.is_error and text(answer).strip(), answer
        assert answer.structured_content["usage"]["completion_tokens"] <= 8

        goal = {"goal": "Name a day.", "recipe": "split", "budget": {"tokens": 3000}}
        done = await team.call_tool("run_team", goal, progress_callback=report)
        summary = done.structured_content
        assert not done.is_error and summary["state"] in ("done", "partial"), done
        assert f"[Run {summary['id']}: " in text(done) and "tokens generated" in text(done)
        steps = [progress for progress, _, _ in reports]
        assert steps == sorted(set(steps)) and len(steps) > 2, reports
        assert any("begins" in message for _, _, message in reports), reports
        again = await team.call_tool("run_result", {"run": summary["id"]})
        assert text(again) == text(done)

        call = team.call_tool
        await fails(call("ask_agent", {"agent": "nobody", "prompt": "x"}), "nobody")
        await fails(call("ask_agent", {"agent": "analyst"}), "missing field `prompt`")
        await fails(call("ask_agent", {"agent": "analyst", "prompt": " "}), "`prompt`")
        await fails(call("run_team", {"goal": "x", "shell": "ls"}), "unknown field `shell`")
        await fails(call("run_team", {"goal": "x", "recipe": "no-such"}), "no-such")
        await fails(call("run_team", {"goal": "x", "budget": {"tokens": 0}}), "above 0")
        await fails(call("run_team", {"goal": "x" * (1 << 20) + "x"}), "1048576 at most")
        await fails(call("run_status", {"run": "run_never"}), "unknown run `run_never`")
        try:
            await call("rm", {})
            raise AssertionError("there is no such tool")
        except MCPError as error:
            assert "unknown tool `rm`" in str(error), error

        # A cancelled call stops its run.
        before = len(runs())
        waiting = asyncio.create_task(team.call_tool("run_team", {"goal": LONG, "recipe": "split"}))
        await until(lambda: len(runs()) == before + 1)
        waiting.cancel()
        await until(lambda: runs()[0]["state"] == "stopped")

        # A run that nobody waits for, and the end of the client, which stops it.
        open_run = await call("run_team", {"goal": LONG, "recipe": "split", "wait": False})
        run = open_run.structured_content["id"]
        assert "running" in text(await call("run_status", {"run": run}))
        await fails(call("run_result", {"run": run}), "no answer yet")
        stopped = await call("run_stop", {"run": run})
        assert stopped.structured_content["state"] == "stopped", stopped
        await fails(call("run_result", {"run": run}), "stopped")
        last = await call("run_team", {"goal": LONG, "recipe": "split", "wait": False})
        last = last.structured_content["id"]
    await until(lambda: runs()[0]["state"] == "stopped")
    assert runs()[0]["id"] == last


async def without_a_team():
    async with client("legacy", os.environ["NOBODY"]) as team:
        words = ("cannot reach", "`harmonic up --detach` starts a team")
        await fails(team.call_tool("list_agents", {}), *words)
        await fails(team.call_tool("run_team", {"goal": "x"}), *words)


async def main():
    for mode in ("legacy", "auto"):
        await use(mode)
    await without_a_team()


asyncio.run(main())
