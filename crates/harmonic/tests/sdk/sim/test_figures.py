"""`GET /metrics`, as Prometheus' own library reads it."""

import json
import urllib.request

from prometheus_client.openmetrics.parser import text_string_to_metric_families

from raw import GOOD
from server import URL


def figures():
    with urllib.request.urlopen(f"{URL}/metrics") as response:
        assert response.headers["content-type"].startswith("application/openmetrics-text")
        families = text_string_to_metric_families(response.read().decode())
        return {sample.name: sample for family in families for sample in family.samples}


def test_figures_are_read_by_the_official_parser():
    path = "/v1/chat/completions"
    body = json.dumps({"model": "coder", **GOOD[path]}).encode()
    urllib.request.urlopen(URL + path, body).read()
    found = figures()
    for name in (
        "gen_ai_server_request_duration_seconds_count",
        "gen_ai_server_time_to_first_token_seconds_bucket",
        "harmonic_requests_total",
        "harmonic_generation_tokens_total",
        "harmonic_num_requests_running",
        "harmonic_engine_ready",
        "harmonic_http_responses_total",
    ):
        assert name in found, sorted(found)
    assert found["harmonic_engine_ready"].value == 1
