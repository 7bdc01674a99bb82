"""The server under test: address, agents and load."""

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

# The team as a model, by itself and by each recipe.
TEAM = ["team", "team:split", "team:vote", "team:write-check", "team:research", "team:code"]

# Twenty concurrent requests, spread over all of them.
AT_ONCE = (AGENTS * 3)[:20]

# Context of each of these agents in the starter stack.
CONTEXT = 2048

# Timeout for a freed slot to appear as free.
FREE_WITHIN_S = 30


def engines():
    """Health report of the engines."""
    return httpx.get(f"{URL}/health", timeout=FREE_WITHIN_S).raise_for_status().json()["engines"]


def left_to_do():
    """Engines with running or queued requests."""
    return [engine for engine in engines() if engine["in_flight"] or engine["queued"]]


def remove_runs():
    """Ends and removes all runs: they outlive the request that made them."""
    while runs := httpx.get(f"{URL}/runs").raise_for_status().json()["runs"]:
        for run in runs:
            httpx.delete(f"{URL}/runs/{run['id']}", timeout=FREE_WITHIN_S).raise_for_status()


def wait_until_idle():
    """Waits until nothing runs or waits; fails with the remaining load."""
    until = time.monotonic() + FREE_WITHIN_S
    while left := left_to_do():
        assert time.monotonic() < until, f"never freed: {left}"
        time.sleep(0.02)
