"""The clients, as users create them: with the address of a running server, and any key."""

import anthropic
import httpx
import ollama
import openai
import pytest

from server import URL

# Longer than any answer here; reports a client that waits forever.
PATIENCE_S = 60


@pytest.fixture(scope="session")
def openai_client():
    with openai.OpenAI(
        base_url=f"{URL}/v1", api_key="any", timeout=PATIENCE_S, max_retries=0
    ) as client:
        yield client


@pytest.fixture(scope="session")
def anthropic_client():
    with anthropic.Anthropic(
        base_url=URL, api_key="any", timeout=PATIENCE_S, max_retries=0
    ) as client:
        yield client


@pytest.fixture(scope="session")
def ollama_client():
    with ollama.Client(URL, timeout=PATIENCE_S) as client:
        yield client


@pytest.fixture(scope="session")
def http():
    with httpx.Client(base_url=URL, timeout=PATIENCE_S) as client:
        yield client
