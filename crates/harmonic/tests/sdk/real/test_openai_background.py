"""Responses in the background, of an agent."""

import pytest

from background import *  # noqa: F403


@pytest.fixture(params=["analyst"])
def model(request):
    return request.param
