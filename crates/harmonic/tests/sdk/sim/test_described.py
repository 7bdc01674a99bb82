"""What the server says of itself in its OpenAPI document, held against what it does: requests made
from the document, and requests that break it."""

import hypothesis
import schemathesis
from schemathesis.checks import CHECKS, load_all_checks

from raw import PATIENCE_S
from server import URL

load_all_checks()

described = schemathesis.openapi.from_url(f"{URL}/openapi.json")
# The same requests every time.
described.config.seed = 20
# A document says of a body which types its fields have. It cannot say that a grammar is one, that a
# prompt fits into a context, or that a tool which is asked for is there: of what it allows, the
# server refuses some.
REFUSED_ALL_THE_SAME = CHECKS.get_by_names(["positive_data_acceptance"])


@described.parametrize()
@hypothesis.settings(max_examples=25, database=None, deadline=None)
def test_an_operation(case):
    case.call_and_validate(excluded_checks=REFUSED_ALL_THE_SAME, timeout=PATIENCE_S)
