"""Hostile requests: a 4xx for each, or a closed connection where HTTP has no
answer, and the next good one is answered.

That a client which is too slow is given up on is in the gateway's own tests, with less patience.
"""

import json
import re
import socket

import pytest

from raw import (
    GOOD,
    MESSAGES,
    PIECE,
    WHOLE,
    answers_well,
    connect,
    exchange,
    heard,
    message,
    post,
    status,
)
from server import wait_until_idle

SLOW = 20
DEPTH = 100_000
BIG = 100_000_000
MIB = 1 << 20

NESTED = b"[" * DEPTH + b"]" * DEPTH
OBJECTS = b'{"a":' * DEPTH + b"1" + b"}" * DEPTH

# The complete body.
BODIES = {
    "nothing": b"",
    "NUL bytes": b"\0" * 64,
    "arrays in arrays": NESTED,
    "objects in objects": OBJECTS,
    "brackets that never close": b"[" * DEPTH,
    "invalid UTF-8": b'{"model": "coder\xff\xfe"}',
    "overlong UTF-8": b'{"model": "\xc0\xaf"}',
    "UTF-16": '{"model": "coder"}'.encode("utf-16"),
    "a form": b"model=coder&stream=true",
    "two documents": b'{"model": "coder"}{"model": "coder"}',
    "an array": b"[]",
    "null": b"null",
    "a cut string": b'{"model": "co',
    "a name of 100,000 letters": b'{"model": "' + b"x" * DEPTH + b'"}',
    "a name that is a header": b'{"model": "a\\r\\nx-evil: 1"}',
    "the same field twice": b'{"model": "coder", "model": "coder"}',
}

# JSON values that replace every field of a valid body.
VALUES = {
    "1e999": b"1e999",
    "-1e999": b"-1e999",
    "10^400": b"1" + b"0" * 400,
    "arrays": NESTED,
    "objects": OBJECTS,
    "a lone surrogate": b'"\\ud800"',
    "invalid UTF-8": b'"\xf0\x28\x8c\xbc"',
    "a raw NUL": b'"a\0b"',
    "NaN": b"NaN",
}


@pytest.mark.parametrize("path", GOOD)
@pytest.mark.parametrize("name", BODIES)
def test_a_body(path, name):
    _, answer = exchange(post(path, BODIES[name]))
    assert 400 <= status(answer) < 500 and message(path, answer)
    assert b"x-evil" not in answer.partition(b"\r\n\r\n")[0]
    assert answers_well(path)


def with_value(path, field, value):
    """Valid body except for one field; hand-written, because no library writes these."""
    good = {"model": "coder", "stream": False, **GOOD[path]}
    good.pop(field, None)
    return json.dumps(good).encode()[:-1] + f', "{field}": '.encode() + value + b"}"


@pytest.mark.parametrize("path", GOOD)
@pytest.mark.parametrize("name", VALUES)
def test_a_value(path, name):
    fields = ["model", *GOOD[path]] + ["stream"] * (path not in WHOLE)
    for field in fields:
        if (field, name) == ("options", "objects"):
            # One unknown option.
            continue
        _, answer = exchange(post(path, with_value(path, field, VALUES[name])))
        assert 400 <= status(answer) < 500 and message(path, answer), field
    # Unread fields may contain any finite value.
    _, answer = exchange(post(path, with_value(path, "unheard_of", VALUES[name])))
    assert status(answer) in (200, 400)
    assert answers_well(path)


@pytest.mark.parametrize("path", GOOD)
def test_100_megabytes_are_not_read(path):
    piece = b"x" * MIB
    announced = post(path, b"", f"content-length: {BIG}")
    sent, answer = exchange(announced, (piece for _ in range(BIG // MIB)))
    assert status(answer) == 413 and message(path, answer)
    assert sent < BIG // 2

    chunk = b"100000\r\n" + piece + b"\r\n"
    unannounced = post(path, b"", "transfer-encoding: chunked")
    sent, answer = exchange(unannounced, (chunk for _ in range(BIG // MIB)))
    assert status(answer) == 413 and message(path, answer)
    assert sent < BIG // 2
    assert answers_well(path)


HEADS = {
    "no HTTP at all": b"hello\r\n\r\n",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 64 + b"\r\n\r\n",
    "a NUL in the path": b"GET /\0 HTTP/1.1\r\nhost: localhost\r\n\r\n",
    "a space in a name": b"GET / HTTP/1.1\r\nho st: x\r\n\r\n",
    "a NUL in a value": b"GET /health HTTP/1.1\r\nhost: localhost\0\r\n\r\n",
    "10,000 headers": b"GET /health HTTP/1.1\r\n" + b"a: b\r\n" * 10_000 + b"\r\n",
    "a header of 1 MB": b"GET /health HTTP/1.1\r\na: " + b"b" * MIB + b"\r\n\r\n",
    "a path of 1 MB": b"GET /" + b"b" * MIB + b" HTTP/1.1\r\nhost: localhost\r\n\r\n",
    "two lengths": post("/api/chat", b"{}", "content-length: 2", "content-length: 9"),
    "a negative length": post("/api/chat", b"{}", "content-length: -2"),
    "a length of 10^30": post("/api/chat", b"{}", f"content-length: 1{'0' * 30}"),
    "a chunk without a size": post("/api/chat", b"zz\r\n{}\r\n", "transfer-encoding: chunked"),
    "chunks of an unknown kind": post("/api/chat", b"{}", "transfer-encoding: smoke"),
    "HTTP/3 in words": b"GET /health HTTP/3.0\r\nhost: localhost\r\n\r\n",
}


@pytest.mark.parametrize("name", HEADS)
def test_a_head(name):
    _, answer = exchange(HEADS[name])
    assert 400 <= status(answer) < 500
    assert answers_well()


def test_headers_without_end():
    flood = (b"x-%d: %s\r\n" % (number, b"y" * 1000) for number in range(BIG // 1000))
    sent, answer = exchange(b"GET /health HTTP/1.1\r\nhost: localhost\r\n", flood)
    # A client that still sends while the server closes may not receive the reason.
    assert status(answer) in (None, 431)
    assert sent < BIG // 2
    assert answers_well()


def test_a_byte_at_a_time():
    """Slow clients are tolerated, and block nobody else."""
    path = "/v1/chat/completions"
    whole = post(path, json.dumps({"model": "coder", **GOOD[path]}).encode())
    slow = [connect() for _ in range(SLOW)]
    for byte in whole[:-1]:
        for connection in slow:
            connection.sendall(bytes([byte]))
    assert answers_well()
    for connection in slow:
        with connection:
            connection.sendall(whole[-1:])
            assert status(heard(connection)) == 200


def half_closed(data):
    """Response to a client that sends this and then nothing more."""
    with connect() as connection:
        connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)
        return status(heard(connection))


def test_connections_that_are_closed_by_half():
    """A client that half-closes the connection counts as disconnected: its pending answer is
    cancelled."""
    for path, good in GOOD.items():
        body = json.dumps({"model": "coder", **good}).encode()
        assert half_closed(post(path, body)) in (None, 200)
        assert half_closed(post(path, body[:-1], f"content-length: {len(body)}")) == 400
    assert half_closed(b"POST /v1/chat") is None
    assert half_closed(b"") is None

    path = "/v1/chat/completions"
    body = {"model": "coder", "messages": MESSAGES, "max_tokens": 1500, "stream": True}
    with connect() as connection:
        connection.sendall(post(path, json.dumps(body).encode()))
        assert connection.recv(PIECE).startswith(b"HTTP/1.1 200")
        connection.shutdown(socket.SHUT_WR)
        assert not heard(connection).endswith(b"[DONE]\n\n")
    wait_until_idle()
    assert answers_well()


def test_a_body_that_breaks_off():
    for path in GOOD:
        with connect() as connection:
            connection.sendall(post(path, b'{"model": "cod', "content-length: 100"))
    assert answers_well()


def test_bodies_of_every_type():
    """JSON is read under any content type (curl's default is a form). A form is not JSON."""
    path = "/v1/chat/completions"
    body = json.dumps({"model": "coder", **GOOD[path]}).encode()
    for kind in ("application/json", "text/plain", "application/x-www-form-urlencoded"):
        _, answer = exchange(post(path, body, f"content-type: {kind}"))
        assert status(answer) == 200
    _, answer = exchange(post(path, b"a=b", "content-type: application/x-www-form-urlencoded"))
    assert status(answer) == 400
    _, answer = exchange(post(path, body, "content-encoding: gzip"))
    assert status(answer) in (200, 400, 415)
    assert answers_well()


def test_http_1_0():
    path = "/v1/chat/completions"
    for stream in (False, True):
        body = json.dumps({"model": "coder", "stream": stream, **GOOD[path]}).encode()
        _, answer = exchange(post(path, body, version="1.0"))
        assert status(answer) == 200
        head, _, said = answer.partition(b"\r\n\r\n")
        # HTTP/1.0 has no chunked encoding.
        assert b"transfer-encoding" not in head.lower()
        assert said.endswith(b"data: [DONE]\n\n") if stream else json.loads(said)


def test_requests_that_do_not_wait_for_answers():
    path = "/v1/chat/completions"
    body = json.dumps({"model": "coder", **GOOD[path]}).encode()
    kept = post(path, body).replace(b"connection: close\r\n", b"")
    bad = post(path, b"{").replace(b"connection: close\r\n", b"")
    _, answer = exchange(kept + bad + kept + post(path, body))
    assert re.findall(rb"HTTP/1\.1 (\d+) ", answer) == [b"200", b"400", b"200", b"200"]


def test_methods_and_paths_that_do_not_exist():
    for line, expected in {
        "DELETE /v1/chat/completions": 405,
        "BREW /health": 405,
        "GET /v1/../../etc/passwd": 404,
        "GET /%00": 404,
        "GET //": 404,
        "GET /v1/models/%ff": 404,
        "GET *": 400,
        "CONNECT example.org:443": 400,
    }.items():
        data = f"{line} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n".encode()
        got = status(exchange(data)[1])
        assert 400 <= got < 500, f"{line}: {got}"
        assert expected in (got, 400), f"{line}: {got}"
    assert answers_well()
