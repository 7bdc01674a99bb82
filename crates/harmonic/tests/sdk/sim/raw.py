"""Hand-written HTTP, for requests that no library sends."""

import json
import select
import socket
import urllib.parse

from server import URL

PATIENCE_S = 30
PIECE = 65536

MESSAGES = [{"role": "user", "content": "hi"}]

# Every path with a valid body; all have a `model` and, except two, a `stream`.
GOOD = {
    "/v1/chat/completions": {"messages": MESSAGES, "max_tokens": 2},
    "/v1/completions": {"prompt": "hi", "max_tokens": 2},
    "/v1/responses": {"input": "hi", "max_output_tokens": 2},
    "/v1/messages": {"messages": MESSAGES, "max_tokens": 2},
    "/v1/messages/count_tokens": {"messages": MESSAGES},
    "/api/chat": {"messages": MESSAGES, "options": {"num_predict": 2}},
    "/api/generate": {"prompt": "hi", "options": {"num_predict": 2}},
    "/api/show": {},
}

ANTHROPIC = ["/v1/messages", "/v1/messages/count_tokens"]

# Paths that ignore `stream`.
WHOLE = ["/v1/messages/count_tokens", "/api/show"]


def connect():
    where = urllib.parse.urlsplit(URL)
    connection = socket.create_connection((where.hostname, where.port), PATIENCE_S)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def post(path, body, *headers, version="1.1"):
    """Request as bytes, with `Connection: close`."""
    lines = [f"POST {path} HTTP/{version}", "host: localhost", "connection: close", *headers]
    if not any(line.lower().startswith(("content-length", "transfer-")) for line in headers):
        lines.append(f"content-length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


def heard(connection):
    """Everything received until the peer closes."""
    pieces = []
    try:
        while piece := connection.recv(PIECE):
            pieces.append(piece)
    except ConnectionResetError:
        # Closed while sending: the response received before counts.
        pass
    return b"".join(pieces)


def exchange(data, more=()):
    """Sends `data`, then the chunks of `more` until there is a response; returns the number of sent
    bytes and the response."""
    with connect() as connection:
        sent = 0
        try:
            connection.sendall(data)
            for piece in more:
                if select.select([connection], [], [], 0)[0]:
                    break
                connection.sendall(piece)
                sent += len(piece)
        except (BrokenPipeError, ConnectionResetError):
            pass
        return sent, heard(connection)


def status(answer):
    """Status of the first response; None if there is none."""
    return int(answer.split(b" ", 2)[1]) if answer.startswith(b"HTTP/1.") else None


def message(path, answer):
    """Error message in the envelope of the dialect of `path`."""
    said = json.loads(answer.partition(b"\r\n\r\n")[2])
    if path.startswith("/api/"):
        return said["error"]
    assert path not in ANTHROPIC or said["type"] == "error"
    return said["error"]["message"]


def answers_well(path="/v1/chat/completions"):
    body = json.dumps({"model": "coder", "stream": False, **GOOD[path]}).encode()
    _, answer = exchange(post(path, body))
    assert status(answer) == 200, answer
    return True
