"""Responses in the background, of an agent, and the team."""

import pytest

from background import *  # noqa: F403


@pytest.fixture(params=["analyst", "team:vote"])
def model(request):
    return request.param
