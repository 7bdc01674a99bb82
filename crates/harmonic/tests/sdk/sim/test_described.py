"""The server's OpenAPI document, checked against its behaviour: requests generated from it, and
requests that violate it."""

import hypothesis
import pytest
import schemathesis
from schemathesis.checks import CHECKS, load_all_checks

from raw import PATIENCE_S
from server import URL, remove_runs

load_all_checks()

described = schemathesis.openapi.from_url(f"{URL}/openapi.json")
# Deterministic requests.
described.config.seed = 20
# The document states the types of a body's fields. It cannot state that a grammar is valid, that a
# prompt fits the context, or that a required tool exists: the server refuses some bodies that the
# document allows.
REFUSED_ALL_THE_SAME = CHECKS.get_by_names(["positive_data_acceptance"])
# JSON-RPC refuses with the status 200.
REFUSED_WITHIN = [*REFUSED_ALL_THE_SAME, *CHECKS.get_by_names(["negative_data_rejection"])]


@pytest.fixture(autouse=True)
def no_runs_left():
    yield
    remove_runs()


@described.parametrize()
@hypothesis.settings(max_examples=25, database=None, deadline=None)
def test_an_operation(case):
    excluded = REFUSED_WITHIN if case.path == "/a2a" else REFUSED_ALL_THE_SAME
    case.call_and_validate(excluded_checks=excluded, timeout=PATIENCE_S)
