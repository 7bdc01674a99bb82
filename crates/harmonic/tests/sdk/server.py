"""The server under test: where it is, who is there, and what it has left to do."""

import os
import time

import httpx

URL = os.environ["HARMONIC_URL"]

AGENTS = [
    "executive",
    "operator",
    "technical_director",
    "research_director",
    "creative_director",
    "coder",
    "analyst",
]

# Twenty requests at once, over all of them.
AT_ONCE = (AGENTS * 3)[:20]

# As each of these agents has it in the starter stack.
CONTEXT = 2048

# How long a freed slot may take to be seen. Only a slot that is never freed waits it out.
FREE_WITHIN_S = 30


def engines():
    """What the server says of its engines."""
    return httpx.get(f"{URL}/health", timeout=FREE_WITHIN_S).raise_for_status().json()["engines"]


def left_to_do():
    """The engines that have something running or waiting."""
    return [engine for engine in engines() if engine["in_flight"] or engine["queued"]]


def wait_until_idle():
    """Returns once nothing runs or waits; fails with what there still is."""
    until = time.monotonic() + FREE_WITHIN_S
    while left := left_to_do():
        assert time.monotonic() < until, f"never freed: {left}"
        time.sleep(0.02)
